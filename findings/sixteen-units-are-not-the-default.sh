#!/usr/bin/env bash
# Guess: `codegen-units = 16` in the release profile changes nothing: the reference gives 16 as the default there.
# Seen:  the program is another one. With the value left out rustc also merges codegen units below a minimum size, so a
#        small crate has fewer than sixteen; a value that is written out is taken literally.
# Matters: writing the documented defaults into a manifest, or taking a value back by setting it to the default, changes
#        code and size, and "default against 16" in a comparison of knobs is a difference, not noise.
# Version: cargo and rustc 1.95.0.
# Source: none found in the reference; the rule stands in rustc's partitioning (the minimum size for non-incremental builds
#        applies to the default count only).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
cd "$work"
cat > app.rs <<'RS'
mod a { #[inline(never)] pub fn f(n: usize) -> String { format!("{n}") } }
mod b { #[inline(never)] pub fn f(n: usize) -> Vec<usize> { (0..n).rev().collect() } }
mod c { #[inline(never)] pub fn f(v: &mut Vec<usize>) { v.sort() } }
mod d { #[inline(never)] pub fn f(v: &[usize]) -> usize { v.iter().sum() } }
fn main() {
    let mut v = b::f(std::env::args().count());
    c::f(&mut v);
    println!("{} {}", a::f(v.len()), d::f(&v));
}
RS
build() { # folder, arguments; how many objects of the crate, and the program
    mkdir "$1"
    rustc --edition 2021 -O app.rs --out-dir "$@" -Csave-temps
    units=$(find "$1" -name '*-cgu.*.rcgu.o' -o -name 'app.*.rcgu.o' ! -name '*allocator*' | sort -u | wc -l)
    echo "$1: $units objects, text $(size "$1/app" | awk 'NR == 2 { print $1 }'), $(sha256sum < "$1/app" | cut -c1-16)" | tee -a log
}
build left-out
build repeated
build sixteen -Ccodegen-units=16
cmp -s left-out/app repeated/app || { echo "changed: builds are not reproducible"; exit 1; }
! cmp -s left-out/app sixteen/app || { echo "changed: the written default is the default"; exit 1; }
objects() { sed -nE "s/^$1: ([0-9]+) .*/\1/p" log; }
[ "$(objects left-out)" -lt "$(objects sixteen)" ] || { echo "changed: the number of units is no longer the reason"; exit 1; }

# The same through cargo's profile.
mkdir -p pkg/src
cp app.rs pkg/src/main.rs
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > pkg/Cargo.toml
text() { size "$1/release/app" | awk 'NR == 2 { print $1 }'; }
cargo build -q --release --manifest-path pkg/Cargo.toml --target-dir t0
CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo build -q --release --manifest-path pkg/Cargo.toml --target-dir t16
echo "by cargo: text $(text t0) with the default, $(text t16) with codegen-units = 16"
[ "$(text t0)" != "$(text t16)" ] || { echo "changed: no difference by cargo"; exit 1; }
echo "as described: the written default makes another program"
