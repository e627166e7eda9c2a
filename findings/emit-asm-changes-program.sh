#!/usr/bin/env bash
# Guess: `--emit=asm,link` writes the assembly beside the program that `--emit=link` alone would produce.
# Seen:  it produces another program. Asking for assembly or LLVM IR sets one codegen unit and turns the local thin LTO
#        off, silently, unless `-C codegen-units` is given. Cargo's release profile gives none, so
#        `cargo rustc --release -- --emit=asm` lists code that is not the code of `cargo build --release`.
# Matters: sizes, inlining decisions and listings taken from such a build describe a program that nobody ships.
# Version: rustc 1.95.0, x86_64 Linux.
# Source: rust-lang/rust#57235 (open) reports the effect on run time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"

cat > app.rs <<'RS'
use std::collections::HashMap;
mod count {
    pub fn words(text: &str) -> super::HashMap<String, usize> {
        let mut seen = super::HashMap::new();
        for word in text.split(' ') {
            *seen.entry(word.to_string()).or_insert(0) += 1;
        }
        seen
    }
}
mod show {
    pub fn sorted(seen: super::HashMap<String, usize>) -> Vec<(String, usize)> {
        let mut rows: Vec<_> = seen.into_iter().collect();
        rows.sort();
        rows
    }
}
fn main() {
    let text: Vec<String> = std::env::args().collect();
    println!("{:?}", show::sorted(count::words(&text.join(" "))));
}
RS

build() { # folder, rustc arguments
    mkdir "$1"
    rustc --edition 2021 -O app.rs --out-dir "$@"
    sha256sum < "$1/app" | cut -c1-16
}
plain=$(build plain --emit=link)
again=$(build again --emit=link)
asm=$(build asm --emit=link,asm)
units_plain=$(build units-plain --emit=link -Ccodegen-units=1)
units_asm=$(build units-asm --emit=link,asm -Ccodegen-units=1)
echo "link:                     $plain, repeated $again"
echo "link,asm:                 $asm"
echo "one unit, link:           $units_plain"
echo "one unit, link,asm:       $units_asm"
size plain/app asm/app

[ "$plain" = "$again" ] || { echo "changed: the build is no longer reproducible"; exit 1; }
[ "$plain" != "$asm" ] || { echo "changed: --emit=asm no longer affects the program"; exit 1; }
[ "$units_plain" = "$asm" ] && [ "$units_plain" = "$units_asm" ] || { echo "changed: one codegen unit is no longer the explanation"; exit 1; }
echo "as described: asking for assembly produced the program of one codegen unit"
