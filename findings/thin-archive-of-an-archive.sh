#!/usr/bin/env bash
# Guess: the crate `object` reads what GNU ar writes: it has a reader of archives, thin ones included.
# Seen:  a thin archive that was given another archive names its members as `/OFFSET:MEMBER`, the offset of the outer
#        file's name and the member's place in that file. `object` takes the whole text behind the slash for a number
#        and refuses the archive; GNU ar and nm list it.
# Matters: build systems that collect libraries into one thin archive make such files, and a tool on top of `object`
#        calls them damaged.
# Version: object 0.40.0 (crate), GNU binutils of Debian 12 (2.40).
# Source: binutils' bfd/archive.c describes the form ("nested archives"); no issue of `object` on it was found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_TARGET_DIR="$work/target"
mkdir -p "$work/reader/src" "$work/data"
cd "$work/data"
echo 'int a_function_with_a_name(void) { return 1; }' > a_member_with_a_long_name.c
gcc -c a_member_with_a_long_name.c
ar rcs inner_archive_of_a_build.a a_member_with_a_long_name.o
ar rcsT plain.a a_member_with_a_long_name.o
ar rcsT nested.a inner_archive_of_a_build.a
cd "$work/reader"
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.1.0"
edition = "2021"
[workspace]
[dependencies]
object = { version = "=0.40.0", default-features = false, features = ["read", "std"] }
TOML
cat > src/main.rs <<'RS'
use object::read::archive::ArchiveFile;
fn main() {
    let data = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let archive = match ArchiveFile::parse(&*data) {
        Ok(archive) => archive,
        Err(error) => return println!("{error}"),
    };
    for member in archive.members() {
        match member {
            Ok(member) => println!("{}", String::from_utf8_lossy(member.name())),
            Err(error) => return println!("{error}"),
        }
    }
}
RS
cargo build --quiet
for archive in plain nested; do
    echo "$archive: ar says $(cd "$work/data" && ar t $archive.a), object says: $("$work/target/debug/reader" "$work/data/$archive.a")"
done | tee "$work/log"
grep -q '^plain: ar says a_member_with_a_long_name.o, object says: a_member_with_a_long_name.o' "$work/log"
grep -q '^nested: ar says .*a_member_with_a_long_name.o, object says: .*[Ii]nvalid' "$work/log"
