#!/usr/bin/env bash
# Guess: profile keys that touch no generated code (`strip`, `debug`) leave the mangled names of functions alone, and flags
#        that do touch it (`RUSTFLAGS=-Copt-level=1`) may change them.
# Seen:  it is the other way round. Every profile key, `strip` included, enters the `-C metadata` value that cargo gives
#        to rustc, so the hash in each symbol of each crate changes; rustflags are kept out of it.
# Matters: a size diff keyed on mangled names pairs nothing, and a PGO profile recorded with `strip = "none"` fits no
#        function of the build with `strip = "symbols"`.
# Version: cargo and rustc 1.95.0.
# Source: rust-lang/cargo#7416 explains why rustflags were taken out of the value, for the sake of PGO.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[profile.release]\nstrip = "none"\n' > Cargo.toml
cat > src/main.rs <<'RS'
#[inline(never)]
fn helper(x: usize) -> usize { x * 3 }
fn main() { println!("{}", helper(std::env::args().count())); }
RS

name() { # settings for the environment; the symbol as the compiler's own object has it
    rm -rf target
    env "$@" CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 cargo rustc -q --release -- --emit=obj,link
    nm target/release/deps/*.o | grep -o '_ZN3app6helper17h[0-9a-f]*E' | head -1
}
plain=$(name A=1)
again=$(name A=1)
strip=$(name CARGO_PROFILE_RELEASE_STRIP=symbols)
debug=$(name CARGO_PROFILE_RELEASE_DEBUG=1)
flags=$(name RUSTFLAGS=-Copt-level=1)
printf '%-28s %s\n' "as it is" "$plain" repeated "$again" 'strip = "symbols"' "$strip" 'debug = 1' "$debug" 'RUSTFLAGS=-Copt-level=1' "$flags"

[ -n "$plain" ] && [ "$plain" = "$again" ] || { echo "changed: names differ between equal builds"; exit 1; }
[ "$plain" != "$strip" ] && [ "$plain" != "$debug" ] || { echo "changed: strip or debug keeps the names"; exit 1; }
[ "$plain" = "$flags" ] || { echo "changed: rustflags change the names"; exit 1; }
echo "as described: strip and debug renamed the function, another opt-level by RUSTFLAGS did not"
