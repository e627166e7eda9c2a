#!/usr/bin/env bash
# Guess: the total (`dec`) that `llvm-size` prints for a Mach-O program is what it loads, some 50 KB here.
# Seen:  it is over 4 GiB: the column `others` counts the segment __PAGEZERO, which reserves addresses and holds nothing.
#        A dynamic library has no such segment, so the same code is "smaller" by 4 GiB there.
# Matters: a size limit or a growth in percent on that total can never fire for a program.
# Version: LLVM 22.1 (Debian llvm-22 and lld-22 1:22.1.8-1~deb12u1).
# Source: none found in llvm-size's manual.
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
targets: [ arm64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ arm64-macos ]
    symbols: [ dyld_stub_binder ]
...
TBD
with llvm-mc -triple=arm64-apple-macos14 -filetype=obj app.s -o app.o
link() { with ld64.lld -arch arm64 -platform_version macos 14.0 14.0 -syslibroot sdk -lSystem app.o "$@"; }
link -o program
link -dylib -o library.dylib
for f in program library.dylib; do
    total=$(with llvm-size $f | awk 'NR == 2 { print $5 }')
    echo "$f: file $(stat -c %s $f) bytes, llvm-size total $total"
    echo "$total" > $f.total
done
[ "$(cat program.total)" -gt 4294967296 ] || { echo "changed: __PAGEZERO is not counted"; exit 1; }
[ "$(cat library.dylib.total)" -lt 1000000 ] || { echo "changed: the library's total"; exit 1; }
echo "as described: 4 GiB of nothing are in the total"
