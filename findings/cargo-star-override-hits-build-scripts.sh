#!/usr/bin/env bash
# Guess: `[profile.release.package."*"] opt-level = "z"` is about the program's dependencies; what build scripts and
#        procedural macros use is governed by `[profile.release.build-override]`.
# Seen:  `"*"` outranks build-override for every package outside the workspace, so a dependency of a build script is
#        built with "z" too, and build-override's level reaches only the build script itself.
# Matters: `"*"` with a high level slows each clean build by optimizing syn and its kin, and a build-override written to
#        prevent that has no effect on them.
# Version: cargo 1.95.0.
# Source: the Cargo reference, "Profiles", gives this order of precedence.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src" "$work/used/src" "$work/builder/src"
cd "$work"
for name in used builder; do
    printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n' $name > $name/Cargo.toml
    echo 'pub fn f() {}' > $name/src/lib.rs
done
cat > app/Cargo.toml <<'TOML'
[package]
name = "app"
version = "0.1.0"
edition = "2021"
[workspace]
[dependencies]
used = { path = "../used" }
[build-dependencies]
builder = { path = "../builder" }
[profile.release.package."*"]
opt-level = "z"
[profile.release.build-override]
opt-level = 1
TOML
echo 'fn main() { used::f() }' > app/src/main.rs
echo 'fn main() { builder::f() }' > app/build.rs
cd app
levels() { cargo build --release -v 2>&1 | sed -nE 's/.*--crate-name ([a-z_]+) .* opt-level=([0-9sz]).*/\1 \2/p' | sort; }
levels | tee levels
sed -i '/package."\*"/,+1d' Cargo.toml
echo "without the override:"
rm -r target
levels | tee without

diff levels - <<'WANT' || { echo "changed: see above"; exit 1; }
app 3
build_script_build 1
builder z
used z
WANT
grep -q '^builder 1$' without || { echo "changed: build-override does not reach the build script's dependency"; exit 1; }
echo "as described: build-override lost against the star"
