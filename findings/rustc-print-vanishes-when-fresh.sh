#!/usr/bin/env bash
# Guess: `cargo rustc -- --print=link-args` prints the linker's arguments each time, as it replays warnings of a build that
#        is up to date.
# Seen:  it prints them once. The second time cargo finds the package fresh, does not run rustc, and repeats only
#        diagnostics: the output is empty and the exit status 0.
# Matters: a tool that reads the link line this way works on a clean checkout and gets an empty answer from a cached one,
#        which looks like a link without arguments.
# Version: cargo 1.95.0.
# Source: none found in the description of `cargo rustc`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/app/src"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
echo 'fn main() { let unused = 1; }' > src/main.rs
for run in first second; do
    cargo rustc --release -- --print=link-args > $run.out 2> $run.err
    echo "$run: $(wc -c < $run.out) bytes of link arguments, $(grep -c 'unused variable' $run.err) warning"
done
[ -s first.out ] && grep -q -- '-o' first.out || { echo "changed: nothing is printed at all"; exit 1; }
[ ! -s second.out ] || { echo "changed: the output is repeated"; exit 1; }
grep -q 'unused variable' second.err || { echo "changed: warnings are not repeated"; exit 1; }
echo "as described: the warning was repeated, the link arguments were not"
