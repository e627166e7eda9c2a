#!/usr/bin/env bash
# Guess: after `dwz -m` the crate `addr2line`, given the shared file with `Loader::new_with_sup`, answers as before:
#        dwz moves entries that two programs have in common and loses none.
# Seen:  at many addresses `find_frames` has no function any more. GNU addr2line names the same function before and
#        after. With DWARF 4, what dwz moves within a file stands in partial units that have a line table but no code of
#        their own; the crate gives such a unit all the ranges of its line table, and it answers before the unit that
#        has the function.
# Matters: profilers and backtraces on distributions that run dwz (Fedora, Debian's dh_dwz) lose names and inlined
#        frames without a word.
# Version: addr2line 0.26.1 with the feature `loader`, dwz 0.15 and binutils 2.40 of Debian 12, rustc 1.95.0.
# Source: observation; DWARF 4, E.1 and "dwz(1)" describe partial units. No issue of `addr2line` on it was found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_TARGET_DIR="$work/target"
mkdir -p "$work/reader/src"
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download dwz binutils libbinutils binutils-x86-64-linux-gnu >/dev/null 2>&1 || true
for deb in dwz_*.deb; do dpkg -x "$deb" deb; done
for name in one two; do
    cat > $name.rs <<RS
use std::collections::BTreeMap;
fn main() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in std::env::args().flat_map(|it| it.split(' ').map(str::to_owned).collect::<Vec<_>>()) {
        *counts.entry(word).or_default() += "$name".len();
    }
    println!("{counts:?}");
}
RS
    rustc -g -Cdebuginfo=2 -O -Cforce-frame-pointers=yes $name.rs -o $name
    cp $name $name.before
done
deb/usr/bin/dwz -m shared.debug one two
cd reader
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.1.0"
edition = "2021"
[workspace]
[dependencies]
addr2line = { version = "=0.26.1", features = ["loader"] }
TOML
cat > src/main.rs <<'RS'
use addr2line::Loader;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sup = args.get(1).filter(|it| !it.is_empty());
    let loader = match sup {
        Some(sup) => Loader::new_with_sup(&args[0], Some(sup)).unwrap(),
        None => Loader::new(&args[0]).unwrap(),
    };
    let (mut named, mut all) = (0, 0);
    for line in std::io::stdin().lines() {
        let address = u64::from_str_radix(line.unwrap().trim(), 16).unwrap();
        all += 1;
        let mut frames = loader.find_frames(address).unwrap();
        if let Ok(Some(frame)) = frames.next() {
            named += u32::from(frame.function.is_some());
        }
    }
    println!("{named} {all}");
}
RS
cargo build --quiet --release
cd ..
nm one.before | awk 'NF == 3 && $2 ~ /^[tT]$/ { print $1 }' | sort -u > addresses
before=$("$work/target/release/reader" one.before '' < addresses)
after=$("$work/target/release/reader" one shared.debug < addresses)
gnu() { addr2line -f -e "$1" < addresses | sed -n 'p;n' | grep -vc '^??$'; }
echo "addr2line (crate): before dwz $before, after $after (addresses with a function, of all)"
echo "addr2line (GNU):   before dwz $(gnu one.before), after $(gnu one)"
[ "$(gnu one.before)" = "$(gnu one)" ]
[ "${after% *}" -lt "$((${before% *} / 2))" ]
