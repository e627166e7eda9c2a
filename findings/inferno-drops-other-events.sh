#!/usr/bin/env bash
# Guess: `inferno-collapse-perf` adds the samples of all events of a recording, or keeps the one with most samples, or says
#        that it left some out.
# Seen:  it keeps the event that it meets first. perf splits `cycles` into cpu_core and cpu_atom on hybrid processors, so
#        one early sample on a small core discards every sample of the large ones. Ok is returned, and the only word about
#        it is a message of level "info" to the `log` crate.
# Matters: the flame graph shows a fraction of the time as 100 %.
# Version: inferno 0.12.8.
# Source: brendangregg/FlameGraph#136 introduced the rule (with the option to choose an event) in the original script;
#        mstange/samply#537 is the same trap of hybrid processors in another tool.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/fold/src"
cd "$work/fold"
cat > Cargo.toml <<'TOML'
[package]
name = "fold"
version = "0.1.0"
edition = "2021"
[dependencies]
inferno = { version = "=0.12.8", default-features = false }
TOML
cat > src/main.rs <<'RS'
use inferno::collapse::{perf::Folder, Collapse};
fn main() {
    let sample = |event, function| format!("app 10 [000] 1.0: 1 {event}:\n\t55 {function}+0x1 (/bin/app)\n\t66 main+0x1 (/bin/app)\n\n");
    let mut script = sample("cpu_atom/cycles/P", "start");
    for _ in 0..99 {
        script += &sample("cpu_core/cycles/P", "hot");
    }
    let mut folded = Vec::new();
    Folder::default().collapse(script.as_bytes(), &mut folded).unwrap();
    let folded = String::from_utf8(folded).unwrap();
    print!("100 samples in, out:\n{folded}");
    assert_eq!(folded, "app;main;start 1\n", "changed");
}
RS
cargo run -q
echo "as described: 99 of 100 samples were dropped"
