#!/usr/bin/env bash
# Guess: `RUSTFLAGS=-Cdebuginfo=2 cargo build --release` gives a release program with debug information, as
#        `CARGO_PROFILE_RELEASE_DEBUG=2` does.
# Seen:  the compiler makes the debug information and the linker throws it away. The profile still says `debug = 0`, so
#        cargo passes its implied `-C strip=debuginfo`, which rustflags about debuginfo do not cancel.
# Matters: the build takes longer, profilers show no lines, and all arguments that one checks contain `debuginfo=2`.
# Version: cargo 1.95.0, binutils 2.40.
# Source: the Cargo reference describes the implied strip as depending on the profile; none found about rustflags.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
echo 'fn main() { println!("{}", std::env::args().count()); }' > src/main.rs

build() { # label, setting
    env "$2" cargo build --release -v --target-dir "$work/$1" > "$work/$1.log" 2>&1
    local sections
    sections=$(readelf -SW "$work/$1/release/app" | grep -c ' \.debug_info ' || true)
    echo "$2: rustc got $(grep -oE 'debuginfo=2|strip=[a-z]+' "$work/$1.log" | tr '\n' ' '), sections .debug_info $sections" | tee -a "$work/log"
}
build flags RUSTFLAGS=-Cdebuginfo=2
build flags-strip "RUSTFLAGS=-Cdebuginfo=2 -Cstrip=none"
build profile CARGO_PROFILE_RELEASE_DEBUG=2
grep -q '^RUSTFLAGS=-Cdebuginfo=2: .*debuginfo=2.* 0$' "$work/log" || { echo "changed: the flag has an effect"; exit 1; }
grep -q 'strip=none: .* 1$' "$work/log" && grep -q '^CARGO_PROFILE.* 1$' "$work/log" || { echo "changed: the other ways"; exit 1; }
echo "as described: debug information was made and thrown away"
