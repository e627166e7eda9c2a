#!/usr/bin/env bash
# Guess: when a program gains 1,000 bytes of code, the total that `size` prints (`dec`) grows by 1,000 bytes, and `bss`
#        is the zeroed variables.
# Seen:  lld, rustc's default linker on x86_64 Linux, fills the rest of the page after the read-only data with a section
#        `.relro_padding` that takes no space in the file. `size` counts it as bss, so bss falls by what the code gains,
#        and the total stands still until it jumps by a whole page. GNU ld makes no such section.
# Matters: a limit on `dec` lets growth of up to 4 KiB pass and then blames a change of a few bytes for a page, and a
#        limit on `bss` alarms where no variable was added.
# Version: rustc 1.95.0 with its own LLD 22.1.2, binutils 2.40.
# Source: none found that mentions the effect on size figures.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
cat > app.rs <<'RS'
std::arch::global_asm!(".globl grown", "grown:", ".fill {n}, 1, 0x90", "ret", n = const include!("extra"));
extern "C" { fn grown(); }
fn main() {
    unsafe { grown() };
}
RS
build() { echo "$2" > extra; rustc -O app.rs -o "$1-$2" -Clink-arg=-fuse-ld="$1"; }
column() { size "$2" | awk -v c="$1" 'NR == 2 { print $c }'; }

for linker in lld bfd; do
    echo "$linker: code added, text, bss, dec"
    rm -f totals
    for extra in 0 1000 2000 3000 4000 5000; do
        build $linker $extra
        f=$linker-$extra
        echo "$extra $(column 1 $f) $(column 3 $f) $(column 4 $f)" | tee -a totals
    done
    mv totals $linker.totals
done
readelf -SW lld-0 | grep -q relro_padding || { echo "changed: no .relro_padding"; exit 1; }

python3 - <<'PY'
def steps(path):
    rows = [[int(x) for x in line.split()] for line in open(path)]
    pairs = list(zip(rows, rows[1:]))
    return [b[1] - a[1] for a, b in pairs], [b[3] - a[3] for a, b in pairs]

text, total = steps("lld.totals")
_, gnu = steps("bfd.totals")
print("lld: text grew by", text, "and the total by", total)
print("bfd: the total grew by", gnu)
assert all(900 < t < 1100 for t in text), "changed: the code no longer grows as asked"
assert sum(abs(t) < 100 for t in total) >= 3, "changed: lld's total follows the code now"
assert all(900 < t < 1100 for t in gnu), "changed: GNU ld's total no longer follows the code"
PY
echo "as described: lld's total moves in pages, GNU ld's by what was added"
