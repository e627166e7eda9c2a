#!/usr/bin/env bash
# Guess: in a program for x86-64 Linux a call of a function of the standard library is direct. Its prebuilt code calls
#        across crates through the global offset table, but with relocations that the linker may relax
#        (R_X86_64_GOTPCRELX), as GCC and clang have written them since 2016: `call *f@GOTPCREL(%rip)` becomes `call f`.
# Seen:  the prebuilt libraries have only R_X86_64_GOTPCREL, which no linker may relax. In a program without link-time
#        optimisation two thirds of the calls stay indirect, each callee with an entry of `.got` and its relocation,
#        although it is in the same file.
# Matters: whoever looks for callers by the distance in a call, or masks what a linker may change in a function to find it
#        again, misses most calls of std. Asking for relaxable relocations (`-Zrelax-elf-relocations=yes`) changes only
#        what is compiled anew.
# Version: rustc 1.95.0 with its own LLD 22.1.2, binutils 2.40.
# Source: rustc's `TargetOptions::relax_elf_relocations`, false by default; the psABI's "Optimize GOTPCRELX Relocations".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"

host=$(rustc -vV | sed -n 's/^host: //p')
[ "$host" = x86_64-unknown-linux-gnu ] || { echo "only on x86-64 Linux"; exit 1; }
library=$(ls "$(rustc --print sysroot)/lib/rustlib/$host/lib/"libstd-*.rlib)
mkdir members && (cd members && ar x "$library")
types=$(readelf -rW members/*.o | grep -o 'R_X86_64_[A-Z_0-9]*' | sort | uniq -c)
echo "relocations of $(basename "$library"):"
echo "$types"
plain=$(awk '$2 == "R_X86_64_GOTPCREL" { print $1 }' <<<"$types")
relaxable=$(awk '$2 ~ /GOTPCRELX$/ { sum += $1 } END { print sum + 0 }' <<<"$types")

cat >main.rs <<'R'
fn main() {
    println!("{:?}", std::env::args().collect::<Vec<_>>());
}
R
rustc -O -Cstrip=symbols main.rs
objdump -d --no-show-raw-insn main >code
indirect=$(grep -c 'call  *\*0x.*(%rip)' code)
direct=$(grep -c 'call  *[0-9a-f]' code)
echo "calls in the program: $indirect through the table, $direct direct"

[ "$plain" -gt 1000 ] && [ "$relaxable" -eq 0 ] || { echo "changed: std's relocations are relaxable"; exit 1; }
[ "$indirect" -gt "$direct" ] || { echo "changed: most calls are direct"; exit 1; }
echo "as described: std's calls stay indirect"
