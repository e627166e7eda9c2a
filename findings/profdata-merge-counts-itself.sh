#!/usr/bin/env bash
# Guess: running the training workload once more replaces the counts, and `llvm-profdata merge -o DIR/merged.profdata DIR`
#        can be repeated at will.
# Seen:  rustc's default file name makes each run add to the raw file of the run before. `merge` on a folder reads
#        every profile below it, its own earlier result too, so each repetition adds the raw counts to all those before.
# Matters: old training runs keep their weight after the workload was changed, and the weights depend on how often
#        somebody typed the command. Nothing is printed, and the counts look plausible.
# Version: rustc 1.95.0, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: Clang's user manual describes the pooling of runs (`%m`); llvm-profdata's manual says that folders are read
#        recursively. None was found that warns of the two together.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
profdata() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-profdata" "$@"; }

cat > app.rs <<'RS'
#[inline(never)]
fn work(n: u64) -> u64 { if n > 100 { n * 3 } else { n } }
fn main() { for n in 0..10 { std::hint::black_box(work(std::hint::black_box(n))); } }
RS
rustc -O -Ccodegen-units=1 -Cprofile-generate="$work/pgo" app.rs -o app
counts() { profdata show --all-functions --counts "$1" | grep -A4 '4work17h' | grep 'Block counts'; }

./app
profdata merge -o once.profdata pgo
echo "one run:            $(counts once.profdata)" | tee log
./app
profdata merge -o twice.profdata pgo
echo "two runs, $(ls pgo | wc -l) file:   $(counts twice.profdata)" | tee -a log
for i in 1 2 3; do
    profdata merge -o pgo/merged.profdata pgo
    echo "merge number $i:     $(counts pgo/merged.profdata)" | tee -a log
done

python3 - <<'PY'
import re
largest = [max(int(n) for n in re.findall(r"\d+", line.split("counts:")[1])) for line in open("log")]
assert largest == [10, 20, 20, 40, 60], ("changed", largest)
PY
echo "as described: 10 calls became 60"
