#!/usr/bin/env bash
# Guess: parsing a document with toml_edit and printing it again gives the same bytes, above all when nothing was changed.
# Seen:  a file with CRLF line ends comes back with LF in every line. The `cargo add` of cargo 1.95 is built on the same
#        crate and does the same to a manifest.
# Matters: an edit of one key shows up as a change of the whole file, and an undo that compares bytes finds another file.
# Version: toml_edit 0.25.20, cargo 1.95.0.
# Source: killercup/cargo-edit#384 discusses line ends of the tool that `cargo add` came from, and takes LF as intended.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/edit/src" "$work/other/src"
cd "$work/edit"
cat > Cargo.toml <<'TOML'
[package]
name = "edit"
version = "0.1.0"
edition = "2021"
[dependencies]
toml_edit = "=0.25.20"
TOML
cat > src/main.rs <<'RS'
fn main() {
    let text = "[profile.release]\r\nlto = true # fat\r\n";
    let back = text.parse::<toml_edit::DocumentMut>().unwrap().to_string();
    println!("in:  {text:?}\nout: {back:?}");
    assert_eq!(back, text.replace("\r\n", "\n"), "changed");
}
RS
cargo run -q

cd "$work/other"
: > src/lib.rs
printf '[package]\r\nname = "other"\r\nversion = "0.1.0"\r\nedition = "2021"\r\n' > Cargo.toml
mkdir -p ../dep/src && : > ../dep/src/lib.rs
printf '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2021"\n' > ../dep/Cargo.toml
before=$(grep -c $'\r' Cargo.toml)
cargo -q add --path ../dep
after=$(grep -c $'\r' Cargo.toml || true)
echo "cargo add: $before lines with CRLF before, $after after"
[ "$before" = 4 ] && [ "$after" = 0 ] || { echo "changed: cargo add"; exit 1; }
echo "as described: both rewrote every line"
