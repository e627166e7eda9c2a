#!/usr/bin/env bash
# Guess: `-Cprofile-use` with the profile of another program fails, or at least warns that no function matches.
# Seen:  rustc exits with 0 and prints nothing. The code even differs from that of a build without a profile, although
#        not one count was used, so comparing the two programs does not reveal the mistake either.
# Matters: a profile from the wrong branch, target or package, or one whose names no longer fit, looks like success.
# Version: rustc 1.95.0, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: the rustc book's chapter on PGO mentions `-Cllvm-args=-pgo-warn-missing-function`, which is off by default.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
llvm() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-$1" "${@:2}"; }

cat > other.rs <<'RS'
#[inline(never)]
fn other(n: u64) -> u64 { (0..n).fold(1, |s, i| s.wrapping_mul(31) ^ i) }
fn main() { println!("{}", other(std::env::args().count() as u64 * 1000)); }
RS
cat > app.rs <<'RS'
#[inline(never)]
fn sum(v: &[u64]) -> u64 { v.iter().map(|x| x.rotate_left(3)).fold(0, u64::wrapping_add) }
fn start() { println!("{}", sum(&std::env::args().map(|a| a.len() as u64).collect::<Vec<_>>())); }
fn main() { start() }
RS
rustc -O -Ccodegen-units=1 -Cprofile-generate="$work/raw" other.rs -o recorder
./recorder > /dev/null
llvm profdata merge raw -o other.profdata

mkdir none foreign
rustc -O -Ccodegen-units=1 -Csave-temps app.rs --out-dir none
status=0
rustc -O -Ccodegen-units=1 -Csave-temps -Cprofile-use="$work/other.profdata" app.rs --out-dir foreign 2> messages || status=$?
count() { for bc in "$1"/*.rcgu.bc; do llvm dis "$bc" -o -; done | grep -cE '^define .*sum' ; }
prof() { for bc in "$1"/*.rcgu.bc; do llvm dis "$bc" -o -; done | grep -E '^define .*sum' | grep -c '!prof' || true; }
echo "exit status $status, $(wc -l < messages) lines of messages"
echo "sum in the module: $(count foreign), with counts: $(prof foreign)"
size none/app foreign/app

[ $status = 0 ] && [ ! -s messages ] || { echo "changed: rustc notices"; cat messages; exit 1; }
[ "$(prof foreign)" = 0 ] || { echo "changed: the function found counts"; exit 1; }
[ "$(size none/app | awk 'NR==2{print $1}')" != "$(size foreign/app | awk 'NR==2{print $1}')" ] || { echo "changed: the foreign profile no longer affects the code"; exit 1; }
echo "as described: no message, no counts, other code"
