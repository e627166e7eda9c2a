#!/usr/bin/env bash
# Guess: garbage collection of sections drops, with a function that nothing calls, its exception table
#        (`.gcc_except_table.FUNCTION`), which only the function's unwind entry refers to.
# Seen:  GNU ld does. lld, which rustc uses by default on x86-64 Linux, drops the function and its unwind entry and
#        keeps the table: in each program are the tables of all functions of std and of dependencies that were linked and
#        dropped.
# Matters: what a linker reports as saved by removing a call is less than what the program is smaller without the source.
# Version: rustc 1.95.0 with its own LLD 22.1.2, GNU ld 2.40, on Linux.
# Source: none; from observation.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"

# Functions with a value to drop when the call panics: each has a table.
{
    for n in $(seq 100); do
        echo "#[inline(never)] pub fn unused_$n(f: fn(&str)) { let s = String::from(\"$n\"); f(&s); f(&s) }"
    done
} > many.rs
echo 'fn main() { if std::env::args().count() > 9 { many::unused_1(|s| println!("{s}")) } }' > main.rs

rustc --edition=2024 -O --crate-type=rlib --crate-name=many many.rs
table() {
    rustc --edition=2024 -O --extern many=libmany.rlib "$@" -o program main.rs
    size -A program | awk '$1 == ".gcc_except_table" { print $2 }'
}
lld=$(table -Clink-arg=-fuse-ld=lld)
bfd=$(table -Clinker-features=-lld -Clink-arg=-fuse-ld=bfd)
left=$(nm program | grep -c unused_ || true)
echo "functions of the library in the program: $left of 100"
echo ".gcc_except_table with lld:    $lld bytes"
echo ".gcc_except_table with GNU ld: $bfd bytes"

[ "$lld" -gt "$((2 * bfd))" ] || { echo "changed: lld drops them too"; exit 1; }
echo "as described: lld keeps the tables of dropped functions"
