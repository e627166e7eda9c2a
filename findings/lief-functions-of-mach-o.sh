#!/usr/bin/env bash
# Guess: LIEF's `Binary.functions` of a Mach-O image are its functions: what LC_FUNCTION_STARTS lists.
# Seen:  exported data and the Mach-O header count as functions, because every export is taken for one.
#        The list of the load command is right.
# Matters: extents computed from these starts cut data, and a count of functions depends on which variables are exported.
# Version: lief 1.0.0, LLVM 22.1 (Debian llvm-22 and lld-22 1:22.1.8-1~deb12u1).
# Source: none found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 lld-22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/lib/llvm-22/bin/$@"; }

cat > app.s <<'S'
.section __TEXT,__text
.globl _main
.p2align 2
_main: ret
.globl _exported
_exported: nop
 ret
.section __DATA,__data
.globl _table
.p2align 3
_table: .quad _main
.subsections_via_symbols
S
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
with ld64.lld -arch arm64 -platform_version macos 14.0 14.0 -syslibroot sdk -lSystem app.o -o app
echo "LC_FUNCTION_STARTS:"
with llvm-objdump --macho --function-starts=both app | grep _ | tee starts
python3 -m venv venv
venv/bin/pip -q install lief==1.0.0
venv/bin/python - <<'PY'
import lief
binary = lief.parse("app")
starts = {int(line.split()[0], 16) for line in open("starts")}
functions = {function.address for function in binary.functions}
by_address = {symbol.value: symbol.name for symbol in binary.symbols if symbol.value}
extra = sorted(by_address.get(address, hex(address)) for address in functions - starts)
offsets = [binary.imagebase + offset for offset in binary.function_starts.functions]
print("Binary.functions:", sorted(hex(a) for a in functions), "not functions:", extra)
assert starts <= functions, "changed: a real function is missing"
assert extra == ["__mh_execute_header", "_table"], "changed: what is listed beside the functions"
assert set(offsets) == starts or {a & 0xFFFFFFFF for a in offsets} == {a & 0xFFFFFFFF for a in starts}, "changed: function_starts"
PY
echo "as described: data and the header are listed as functions"
