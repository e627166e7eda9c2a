#!/usr/bin/env bash
# Guess: `build.rustflags` may be a string or an array, and the values of several config files are joined, so a string in
#        one file and an array in the other are joined too.
# Seen:  two arrays are joined. Of two strings the nearer one replaces the other, in silence. One of each is an error for
#        every cargo command below that folder, `cargo metadata` included.
# Matters: flags get lost by writing them as strings, and a tool that writes an array into a project's config breaks the builds of everyone whose own config has a
#        string, and a test on a machine without such a file does not show it.
# Version: cargo 1.95.0.
# Source: the Cargo reference documents both forms and the joining of arrays, and does not mention the mixture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/outer/.cargo" "$work/outer/app/src" "$work/outer/app/.cargo"
cd "$work/outer/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
echo 'fn main() {}' > src/main.rs
try() { # outer value, inner value
    printf '[build]\nrustflags = %s\n' "$1" > ../.cargo/config.toml
    printf '[build]\nrustflags = %s\n' "$2" > .cargo/config.toml
    local status=0 metadata=0
    cargo build -v > out 2>&1 || status=$?
    cargo metadata --format-version 1 > meta 2>&1 || metadata=$?
    echo "$1 and $2: build $status, metadata $metadata"
    echo "  $(grep -oE -- '-C ?(debuginfo=1|opt-level=1)|expected .*, but found .*' out | tr '\n' ' ')"
}
{
    try '["-Cdebuginfo=1"]' '["-Copt-level=1"]'
    try '"-Cdebuginfo=1"' '"-Copt-level=1"'
    try '"-Cdebuginfo=1"' '["-Copt-level=1"]'
    try '["-Cdebuginfo=1"]' '"-Copt-level=1"'
} | tee log
grep -q '^\["-Cdebuginfo=1"\] and \["-Copt-level=1"\]: build 0' log || { echo "changed: two arrays"; exit 1; }
grep -q '^"-Cdebuginfo=1" and "-Copt-level=1": build 0' log || { echo "changed: two strings"; exit 1; }
[ "$(grep -c -- '-Cdebuginfo=1 ' log)" = 1 ] && [ "$(grep -c -- '^  .*-Copt-level=1' log)" = 2 ] || { echo "changed: what is joined"; exit 1; }
[ "$(grep -c 'build 101, metadata 101' log)" = 2 ] || { echo "changed: the mixture"; exit 1; }
echo "as described: the mixture stops every command"
