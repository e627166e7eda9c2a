#!/usr/bin/env bash
# Guess: a PGO profile names functions by their symbols, so a profile recorded with one codegen unit serves a build with
#        sixteen, as long as source and compiler are the same.
# Seen:  a function that is local to its codegen unit is recorded as `UNIT;SYMBOL`, and with one unit nearly all functions
#        are local. With another number of units they are global or live in another unit, the names differ, and their
#        counts are lost. rustc says nothing about functions that it does not find.
# Matters: trying `codegen-units` after recording (or `--emit=asm`, which sets it to one) throws most of the profile away,
#        and the "PGO gain" measured then is the gain without PGO.
# Version: rustc 1.95.0, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: the naming is described at getIRPGOFuncName in LLVM; llvm/llvm-project#73236 discusses it for another tool. No
#        source found for the loss with rustc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
profdata() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-profdata" "$@"; }

cat > app.rs <<'RS'
mod hot {
    #[inline(never)]
    pub fn spin(n: u64) -> u64 { (0..n).fold(1, |s, i| s.wrapping_mul(31) ^ i) }
}
mod cold {
    #[inline(never)]
    pub fn twice(n: u64) -> u64 { super::hot::spin(n) + super::hot::spin(n + 1) }
}
fn main() {
    let n = std::env::args().count() as u64 * 1000;
    println!("{} {}", hot::spin(n), cold::twice(n));
}
RS

for units in 1 16; do
    rustc -O -Ccodegen-units=$units -Cprofile-generate="$work/raw-$units" app.rs -o recorder-$units
    ./recorder-$units > /dev/null
    profdata merge "raw-$units" -o $units.profdata
    profdata show --all-functions $units.profdata | grep -oE '^  [^ ].*(spin|twice)17h[0-9a-f]*E' | sed -E 's/^ +//' > names-$units
    echo "recorded with $units:"; sed 's/^/  /' names-$units
done

use() { # number of units; how many of the functions in the module carry counts
    rustc -O -Ccodegen-units="$1" -Cprofile-use="$work/1.profdata" -Csave-temps app.rs --out-dir "use-$1" 2> "warnings-$1"
    for bc in use-"$1"/*.rcgu.bc; do
        LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-dis" "$bc" -o -
    done | grep -E '^define .*(spin|twice)' | grep -c '!prof' || true
}
same=$(use 1)
other=$(use 16)
echo "profile of one unit: functions with counts in a build with 1 unit: $same, with 16 units: $other"
echo "warnings that name spin or twice: $(cat warnings-16 | grep -cE 'spin|twice' || true)"

grep -q ';' names-1 && ! grep -q ';' names-16 || { echo "changed: how the functions are named"; exit 1; }
[ "$same" = 2 ] && [ "$other" = 0 ] || { echo "changed: which counts are found"; exit 1; }
! grep -qE 'spin|twice' warnings-16 || { echo "changed: the loss is reported now"; exit 1; }
echo "as described: all counts of both functions were lost in silence"
