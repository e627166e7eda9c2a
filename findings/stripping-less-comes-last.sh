#!/usr/bin/env bash
# Guess: `-C link-arg=-s` takes out all symbols, whatever else is asked for; a second, weaker request adds nothing.
# Seen:  the last request wins. With `strip = "debuginfo"`, which cargo also sets by itself in a release profile without debug
#        information, rustc writes `--strip-debug` behind the user's `-s`, and GNU ld keeps the whole symbol table.
# Matters: `-s` in rustflags makes release programs no smaller than the default, and no figure of the flags says so.
# Version: cargo and rustc 1.95.0; GNU ld 2.40.
# Source: observation; the manual of GNU ld describes both options and not their order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
mkdir -p "$work/app/src"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
echo 'fn main() { println!("hello"); }' > src/main.rs
symbols() { # rustflags, and the profile's strip; how many symbols the program has
    env RUSTFLAGS="-Clink-arg=-fuse-ld=bfd $1" CARGO_PROFILE_RELEASE_STRIP="$2" cargo build -q --release
    nm target/release/app 2> /dev/null | wc -l
}
plain=$(symbols "" debuginfo)
all=$(symbols "-Clink-arg=-s" none)
both=$(symbols "-Clink-arg=-s" debuginfo)
ld.bfd --version | head -1
printf '%-34s %s symbols\n' 'strip = "debuginfo"' "$plain" '-s, strip = "none"' "$all" '-s, strip = "debuginfo"' "$both"
[ "$all" -eq 0 ] || { echo "changed: -s alone keeps symbols"; exit 1; }
[ "$both" -gt 100 ] || { echo "changed: -s holds beside --strip-debug"; exit 1; }
echo "as described: asked for both, the linker strips less than for one"
