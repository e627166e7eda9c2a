#!/usr/bin/env bash
# Guess: a benchmark of divan takes `--list --format terse`, as programs of libtest do, because its
# list is in that very form and its help offers `--list`.
#
# Seen: 0.1.21 refuses `--format` as an unexpected argument (exit code 2) unless NEXTEST=1 is in the
# environment; with it, the list comes in the form of `--format terse`. 0.1.17 refuses it in both
# cases. So a tool that lists benchmarks of any harness has to pretend to be cargo-nextest.
#
# Versions: divan 0.1.17 and 0.1.21, Rust 1.95.0.
# Source: observation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR="$work/target"

# Lists the benchmarks of a project that uses the version $1, with the environment of the rest.
list() {
    local version=$1
    shift
    mkdir -p "$version/benches" "$version/src"
    printf '[package]\nname = "listed"\nversion = "0.1.0"\nedition = "2021"\n[dev-dependencies]\ndivan = "=%s"\n[[bench]]\nname = "b"\nharness = false\n' "$version" >"$version/Cargo.toml"
    : >"$version/src/lib.rs"
    printf 'fn main() { divan::main() }\n#[divan::bench] fn one() {}\n' >"$version/benches/b.rs"
    (cd "$version" && cargo +1.95.0 build --quiet --benches)
    local program
    program=$(find "$CARGO_TARGET_DIR/debug/deps" -name 'b-*' -type f -perm -u+x -newer "$version/benches/b.rs" | head -1)
    env "$@" "$program" --bench --list --format terse 2>&1 && echo "code 0" || echo "code $?"
    rm -rf "$CARGO_TARGET_DIR"
}

unset NEXTEST
plain=$(list 0.1.21 X=1)
nextest=$(list 0.1.21 NEXTEST=1)
older=$(list 0.1.17 NEXTEST=1)
printf '0.1.21:\n%s\n\n0.1.21 with NEXTEST=1:\n%s\n\n0.1.17 with NEXTEST=1:\n%s\n' "$plain" "$nextest" "$older"
grep -q 'code 2' <<<"$plain"
grep -q 'one: benchmark' <<<"$nextest" && grep -q 'code 0' <<<"$nextest"
grep -q 'code 2' <<<"$older"
echo "as described"
