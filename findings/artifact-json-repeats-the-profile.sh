#!/usr/bin/env bash
# Guess: `profile.opt_level` in cargo's compiler-artifact messages is the level that the artifact was built with.
# Seen:  it is the profile's value, also where rustflags set another one, which wins because rustc takes the last.
#        `debug_assertions` is the profile's as well. Settings such as lto, panic, strip and codegen-units are not in the
#        message at all.
# Matters: a report that quotes the JSON as evidence for "built with opt-level 3" is wrong; only rustc's own arguments tell.
# Version: cargo 1.95.0.
# Source: none found; the reference calls the field the profile's settings.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
echo 'fn main() { println!("debug assertions: {}", cfg!(debug_assertions)) }' > src/main.rs
RUSTFLAGS="-Copt-level=0 -Cdebug-assertions=on" cargo build --release --message-format=json 2> /dev/null > messages
python3 - <<'PY'
import json, subprocess
artifact = next(m for m in map(json.loads, open("messages")) if m["reason"] == "compiler-artifact")
profile = artifact["profile"]
said = subprocess.run([artifact["executable"]], capture_output=True, text=True).stdout.strip()
print("JSON:", profile)
print(f"program: {said}")
assert profile["opt_level"] == "3" and profile["debug_assertions"] is False, "changed: the JSON follows rustflags"
assert said == "debug assertions: true", "changed: rustflags no longer win"
assert not {"lto", "panic", "strip", "codegen_units"} & profile.keys(), "changed: more settings are in the message"
PY
echo "as described: the message and the program disagree"
