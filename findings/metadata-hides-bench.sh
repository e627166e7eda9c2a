#!/usr/bin/env bash
# Guess: `cargo metadata` says of each target which commands take it. It has `test`, `doctest` and `doc` of the manifest,
#        so it has `bench`, too.
# Seen:  there is no `bench`: a benchmark with `bench = false`, which `cargo bench` leaves out, looks like one that it
#        runs. A `test = false` beside it is shown.
# Matters: a tool that takes the benchmarks from `cargo metadata` runs what `cargo bench` does not; only the manifest says.
# Version: cargo 1.95.0.
# Source: the Cargo reference, "cargo metadata" (JSON format, the fields of a target) and "Cargo Targets" (the field `bench`).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/app/src" "$work/app/benches"
cd "$work/app"
cat > Cargo.toml <<'TOML'
[package]
name = "app"
version = "0.1.0"
edition = "2021"
[workspace]
[lib]
test = false
bench = false
[[bench]]
name = "left_out"
harness = false
bench = false
[[bench]]
name = "runs"
harness = false
TOML
touch src/lib.rs
for name in left_out runs; do echo "fn main() { println!(\"ran $name\") }" > "benches/$name.rs"; done
shown=$(cargo metadata --no-deps --format-version 1 2>/dev/null | python3 -c '
import json, sys
fields = ("test", "doctest", "doc", "bench")
for target in json.load(sys.stdin)["packages"][0]["targets"]:
    print(target["name"], *(f"{it}={target[it]}" for it in fields if it in target))')
ran=$(cargo bench 2>/dev/null | grep '^ran ')
echo "metadata:"
echo "$shown"
echo "cargo bench: $ran"
[ "$ran" = "ran runs" ]
[ "$(grep -c 'bench=' <<< "$shown")" = 0 ]
grep -q '^app test=False' <<< "$shown"
[ "$(grep '^left_out' <<< "$shown" | cut -d' ' -f2-)" = "$(grep '^runs' <<< "$shown" | cut -d' ' -f2-)" ]
