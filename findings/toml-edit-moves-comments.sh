#!/usr/bin/env bash
# Guess: toml_edit keeps the comments of what it does not touch: beside their values in an array, and above the first table.
# Seen:  in an array a trailing comment belongs to the element after it, or to the closing bracket. `push` puts the new
#        value before the last comment, and `remove` leaves the comment of the removed value for its neighbour. A file
#        header belongs to the first table: removing that table removes the header.
# Matters: after an edit of `rustflags`, the reason given for one flag stands beside another; after the removal of a
#        profile a licence header is gone.
# Version: toml_edit 0.25.20.
# Source: none found; the crate's documentation lists other limits (the order of dotted keys).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/edit/src"
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
use toml_edit::DocumentMut;

const FLAGS: &str = "\
[build]
rustflags = [
    \"-Cforce-frame-pointers=yes\", # the profiler needs it
    \"-Ctarget-cpu=x86-64-v3\", # the oldest server
]
";

const HEADER: &str = "\
# Licence and rules of this file

[profile.dev]
opt-level = 1

[profile.release]
lto = true
";

fn main() {
    let mut pushed: DocumentMut = FLAGS.parse().unwrap();
    pushed["build"]["rustflags"].as_array_mut().unwrap().push("-Clink-arg=-s");
    let pushed = pushed.to_string();
    println!("after push:\n{pushed}");
    assert!(pushed.contains("\"-Clink-arg=-s\", # the oldest server"), "changed: push");

    let mut removed: DocumentMut = FLAGS.parse().unwrap();
    removed["build"]["rustflags"].as_array_mut().unwrap().remove(0);
    let removed = removed.to_string();
    println!("after remove:\n{removed}");
    assert!(removed.contains("# the profiler needs it\n    \"-Ctarget-cpu"), "changed: remove");

    let mut tables: DocumentMut = HEADER.parse().unwrap();
    tables["profile"].as_table_mut().unwrap().remove("dev");
    let tables = tables.to_string();
    println!("after the removal of [profile.dev]:\n{tables}");
    assert!(!tables.contains("Licence"), "changed: the header stays");
}
RS
cargo run -q
echo "as described: two comments moved, one vanished"
