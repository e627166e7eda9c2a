#!/usr/bin/env bash
# Guess: flags in `[target.'cfg(debug_assertions)'] rustflags` reach builds that have debug assertions, so a release build
#        goes without them; and `cfg(not(debug_assertions))` is the table for release builds.
# Seen:  cargo evaluates the tables with what plain rustc says of itself, without the profile. That has `debug_assertions`:
#        the first table's flags reach release builds too, the second table's reach none.
# Matters: whoever looks for the flags of a release build must not decide these tables by its profile.
# Version: cargo and rustc 1.95.0.
# Source: observation; the Cargo book's chapter on configuration names the tables and no such limit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
mkdir -p "$work/app/src" "$work/app/.cargo"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n' > Cargo.toml
printf "[target.'cfg(debug_assertions)']\nrustflags = ['--cfg=table_of_debug']\n[target.'cfg(not(debug_assertions))']\nrustflags = ['--cfg=table_of_release']\n" > .cargo/config.toml
cat > src/main.rs <<'RS'
fn main() {
    print!("assertions: {}; tables:", cfg!(debug_assertions));
    if cfg!(table_of_debug) { print!(" debug"); }
    if cfg!(table_of_release) { print!(" release"); }
    println!();
}
RS
cargo build -q --release 2> /dev/null
said=$(target/release/app)
echo "$said"
[ "$said" = "assertions: false; tables: debug" ] || { echo "changed: the tables follow the profile"; exit 1; }
echo "as described: a release build, without assertions, has the flags of cfg(debug_assertions)"
