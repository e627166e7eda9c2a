#!/usr/bin/env bash
# Guess: linking the same objects to another output name gives the same Mach-O file, of the same size.
# Seen:  lld signs arm64 images ad hoc, and the signature holds the file's name as its identifier: a longer name makes a
#        longer file. The UUID (LC_UUID), which is made from the content, takes in the name too, also for x86_64, where
#        nothing is signed.
# Matters: cargo links to `deps/NAME-HASH`, so every setting that changes the hash changes the shipped bytes; a comparison
#        by file hash or by UUID reports a difference where the code is equal.
# Version: LLVM 22.1 (Debian llvm-22 and lld-22 1:22.1.8-1~deb12u1).
# Source: none found in lld's documentation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 lld-22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/lib/llvm-22/bin/$@"; }

printf '%s\n' '.section __TEXT,__text' '.globl _main' '.p2align 2' '_main: ret' '.subsections_via_symbols' > app.s
mkdir -p sdk/usr/lib
cat > sdk/usr/lib/libSystem.tbd <<'TBD'
--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos, x86_64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ arm64-macos, x86_64-macos ]
    symbols: [ dyld_stub_binder ]
...
TBD
long=tool-0123456789abcdef0123456789abcdef0123456789abcdef
for arch in arm64 x86_64; do
    sed "s/ret/$([ $arch = arm64 ] && echo ret || echo retq)/" app.s > $arch.s
    with llvm-mc -triple=$arch-apple-macos14 -filetype=obj $arch.s -o $arch.o
    mkdir $arch $arch/again
    for name in tool loot again/tool $long; do
        with ld64.lld -arch $arch -platform_version macos 14.0 14.0 -syslibroot sdk -lSystem $arch.o -o $arch/$name
    done
    echo "$arch: tool $(stat -c %s $arch/tool) bytes, $long $(stat -c %s $arch/$long) bytes"
done
cmp -s arm64/tool arm64/again/tool || { echo "changed: linking is not reproducible"; exit 1; }
! cmp -s arm64/tool arm64/loot || { echo "changed: the name leaves the bytes alone"; exit 1; }
[ "$(stat -c %s arm64/$long)" -gt "$(stat -c %s arm64/tool)" ] || { echo "changed: the name leaves the size alone"; exit 1; }
grep -q "$long" arm64/$long && ! grep -q "$long" x86_64/$long || { echo "changed: where the name is stored"; exit 1; }
uuid() { with llvm-objdump --macho --private-headers "$1" | awk '$1 == "uuid" { print $2 }'; }
for arch in arm64 x86_64; do echo "$arch: UUID of tool $(uuid $arch/tool), of loot $(uuid $arch/loot)"; done
[ "$(cmp -l x86_64/tool x86_64/loot | wc -l)" -le 16 ] || { echo "changed: x86_64 images differ in more than the UUID"; exit 1; }
[ "$(uuid x86_64/tool)" != "$(uuid x86_64/loot)" ] || { echo "changed: the UUID does not depend on the name"; exit 1; }
echo "as described: the output's name is part of the signature and of the UUID"
