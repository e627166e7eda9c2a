#!/usr/bin/env bash
# Guess: `strip = "symbols"` in the profile strips each artifact that cargo builds.
# Seen:  rustc strips when it links. A static library is not linked, so the archive is the same byte for byte with and
#        without the key, std's debug information included, and nothing warns. The cdylib of the same build is stripped.
# Matters: a C consumer receives an archive more than half of which is debug information, and `strip -g` on the archive
#        works at once.
# Version: cargo and rustc 1.95.0, binutils 2.40.
# Source: none found in the profile documentation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/api/src"
cd "$work/api"
printf '[package]\nname = "api"\nversion = "0.1.0"\nedition = "2021"\n[lib]\ncrate-type = ["staticlib", "cdylib"]\n' > Cargo.toml
echo '#[no_mangle] pub extern "C" fn api(x: i32) -> i32 { println!("{x}"); x + 1 }' > src/lib.rs

for strip in none symbols; do
    CARGO_PROFILE_RELEASE_STRIP=$strip cargo build -q --release --target-dir "$work/$strip"
    for ext in a so; do stat -c "strip = \"$strip\": %s bytes %n" "$work/$strip/release/libapi.$ext" | sed "s|$work/||"; done
done
archive() { stat -c %s "$work/$1/release/libapi.a"; }
shared() { stat -c %s "$work/$1/release/libapi.so"; }
cp "$work/symbols/release/libapi.a" "$work/by-hand.a"
strip -g "$work/by-hand.a"
by_hand=$(stat -c %s "$work/by-hand.a")
echo "strip -g on the archive: $by_hand bytes"

[ "$(shared symbols)" -lt $(( $(shared none) / 2 )) ] || { echo "changed: the cdylib is not stripped"; exit 1; }
[ "$(archive symbols)" -gt $(( $(archive none) * 99 / 100 )) ] || { echo "changed: the archive is stripped now"; exit 1; }
[ "$by_hand" -lt $(( $(archive symbols) * 3 / 4 )) ] || { echo "changed: there is little debug information left to strip"; exit 1; }
echo "as described: the key did nothing to the archive"
