#!/usr/bin/env bash
# Guess: `--icf=safe` folds those of a Rust program's identical functions whose address nobody takes; `--icf=all` folds more.
# Seen:  with rustc's objects `safe` folds nothing, without a warning: the linker learns which addresses matter from a
#        table (`.llvm_addrsig`) that clang writes and rustc does not. The program is the same byte for byte.
# Matters: the setting looks like the careful way to save size and is no setting at all.
# Version: rustc 1.95.0 with its own LLD 22.1.2, on Linux.
# Source: none that says so for Rust; the table is described in LLVM's "Extensions" page.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
for mode in none safe all; do
    mkdir $mode
    rustc -O app.rs -o $mode/app -Clink-arg=-Wl,--icf=$mode
    echo "$mode: text $(size $mode/app | awk 'NR == 2 { print $1 }'), $(sha256sum < $mode/app | cut -c1-16)"
done
rustc -O --emit=obj app.rs -o app.o
tables=$(readelf -SW app.o | grep -c addrsig || true)
echo "address significance tables in the object: $tables"

[ "$tables" = 0 ] || { echo "changed: rustc writes the table now"; exit 1; }
# The option itself is not recorded, so equal code means equal files.
cmp -s none/app safe/app || { echo "changed: safe folds something now"; exit 1; }
! cmp -s none/app all/app || { echo "changed: all folds nothing"; exit 1; }
echo "as described: safe changes nothing, all does"
