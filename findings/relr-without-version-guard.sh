#!/usr/bin/env bash
# Guess: each way to ask for packed relative relocations makes a program that an old glibc refuses to start, because the
#        linker adds a need for the symbol version GLIBC_ABI_DT_RELR.
# Seen:  GNU ld and lld add it for `-z pack-relative-relocs`. lld's older spelling `--pack-dyn-relocs=relr` packs the same
#        relocations without it, and mold 1.10.1 accepts both spellings and never adds it.
# Matters: where the guard is missing, nothing in the file tells a glibc before 2.36 that it must not run the program, and
#        a check of the needed versions (as for a manylinux tag) calls the program portable.
# Version: rustc 1.95.0 with its own LLD 22.1.2, binutils 2.40, mold 1.10.1 (Debian 1.10.1+dfsg-1).
# Source: the glibc 2.36 release notes describe the version; none found that names the linkers that leave it out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download mold=1.10.1+dfsg-1 libmimalloc2.0=2.0.9+ds-2 libtbb12=2021.8.0-2+deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
mkdir bin
printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/bin/mold" > bin/ld.mold
chmod +x bin/ld.mold

echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
try() { # linker, option; prints packed words and whether the guard is there
    rustc -O app.rs -o app -Clink-arg=-B"$work/bin" -Clink-arg=-fuse-ld="$1" -Clink-arg=-Wl,"$2"
    local packed guard=no
    packed=$(readelf -dW app | grep -c '(RELRSZ)' || true)
    if readelf -VW app | grep -q GLIBC_ABI_DT_RELR; then guard=yes; fi
    echo "$1 $2: packed $packed, guard $guard"
}
{
    try bfd -z,pack-relative-relocs
    try lld -z,pack-relative-relocs
    try lld --pack-dyn-relocs=relr
    try mold -z,pack-relative-relocs
    try mold --pack-dyn-relocs=relr
} | tee log
diff log - <<'WANT' || { echo "changed: see above"; exit 1; }
bfd -z,pack-relative-relocs: packed 1, guard yes
lld -z,pack-relative-relocs: packed 1, guard yes
lld --pack-dyn-relocs=relr: packed 1, guard no
mold -z,pack-relative-relocs: packed 1, guard no
mold --pack-dyn-relocs=relr: packed 1, guard no
WANT
echo "as described: three of five programs are packed without a guard"
