#!/usr/bin/env bash
# Guess: with `strip = "symbols"` in `[profile.release]`, an override for one package (`[profile.release.package.app]`)
#        changes the keys that stand in it and no others, as it does for `opt-level`, `debug` and `codegen-units`.
# Seen:  an override that names the program's own package, even an empty table, resets `strip` for it to what cargo
#        would imply without the setting: rustc gets `-C strip=debuginfo`, and the program ships its symbol table. The
#        override `"*"` does not, because it is for no member of the workspace.
# Matters: a package level for a hot crate that is the program itself silently gives back the symbols.
# Version: cargo 1.95.0.
# Source: the Cargo reference, "Profiles", says under "Overrides" that an override cannot have `panic`, `lto` and `rpath`;
#         nothing found there about what becomes of `strip`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src"
cd "$work/app"
echo 'fn main() {}' > src/main.rs
strip_with() {
    printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[profile.release]\nstrip = "symbols"\n%s\n' \
        "$1" > Cargo.toml
    rm -rf target
    cargo build --release -v 2>&1 | sed -nE 's/.*--crate-name app .*-C strip=([a-z]+).*/\1/p'
}
none=$(strip_with '')
empty=$(strip_with '[profile.release.package.app]')
level=$(strip_with $'[profile.release.package.app]\nopt-level = 3')
star=$(strip_with $'[profile.release.package."*"]\nopt-level = 3')
echo "no override: $none; empty override: $empty; override with a level: $level; \"*\": $star"
[ "$none" = symbols ]
[ "$empty" = debuginfo ]
[ "$level" = debuginfo ]
[ "$star" = symbols ]
