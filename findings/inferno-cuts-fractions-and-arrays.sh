#!/usr/bin/env bash
# Guess: a flame graph of folded lines with fractional values (milliseconds) has their proportions, and a Rust name such as
#        `<[u8; 4] as Trait>::f` is one frame.
# Seen:  inferno cuts each value to its integer part, so 0.9 counts as nothing and 1.9 as 1, and the semicolon of an array
#        type splits the name into two frames. Its own perf collapser writes `[u8: 4]` to avoid that, so names in its
#        files do not equal the symbols. Ok is returned in every case; the `log` crate gets one warning about fractions.
# Matters: shares come out wrong by any factor for small values, and a lookup of the frame in the symbol table fails.
# Version: inferno 0.12.8.
# Source: a comment in the crate's code says that the Perl original keeps fractions; none found for array types. The folded
#        format itself has no way to quote a separator.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/flame/src"
cd "$work/flame"
cat > Cargo.toml <<'TOML'
[package]
name = "flame"
version = "0.1.0"
edition = "2021"
[dependencies]
inferno = { version = "=0.12.8", default-features = false }
TOML
cat > src/main.rs <<'RS'
use inferno::collapse::{perf::Folder, Collapse};
use inferno::flamegraph::{from_lines, Options};

fn titles(lines: &[&str]) -> Vec<String> {
    let mut svg = Vec::new();
    from_lines(&mut Options::default(), lines.iter().copied(), &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    let titles = svg.split("<title>").skip(1).map(|t| t.split("</title>").next().unwrap());
    titles.map(|t| t.replace("&lt;", "<").replace("&gt;", ">")).collect()
}

fn main() {
    // 1.9 against 0.9, six times: 26 % against 74 %.
    let lines: Vec<String> = (0..6).map(|n| format!("main;small{n} 0.9")).chain(["main;large 1.9".into()]).collect();
    let shown = titles(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    println!("fractions: {shown:?}");
    assert!(shown.iter().any(|t| t.starts_with("large (1 samples, 100")), "changed: fractions count");
    assert!(!shown.iter().any(|t| t.contains("small")), "changed: small values are shown");

    let shown = titles(&["main;<[u8; 4] as Trait>::f 5"]);
    println!("array:     {shown:?}");
    assert!(shown.iter().any(|t| t.starts_with("<[u8 (")), "changed: the name is one frame");

    let mut folded = Vec::new();
    let script = "app 10 [000] 1.0: 1 cycles:\n\t55 <[u8; 4] as Trait>::f+0x1 (/bin/app)\n\n";
    Folder::default().collapse(script.as_bytes(), &mut folded).unwrap();
    let folded = String::from_utf8(folded).unwrap();
    print!("collapsed: {folded}");
    assert_eq!(folded, "app;<[u8: 4] as Trait>::f 1\n", "changed: the collapser");
}
RS
cargo run -q
echo "as described: 74 % of the time vanished, and one frame became two"
