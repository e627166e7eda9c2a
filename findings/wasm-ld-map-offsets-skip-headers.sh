#!/usr/bin/env bash
# Guess: the column "Off" of `wasm-ld -Map` is where a section, function or data segment stands in the module, as it is in
#        lld's maps of ELF.
# Seen:  a section's offset is that of its number, and what stands in it is counted from there as if the number and the
#        length did not exist: each function and segment stands 2 to 6 bytes further on than the map says, in one module
#        by different amounts for code and data. Sizes and addresses in memory are true.
# Matters: whoever looks a function up in the file by the map reads the end of the one before.
# Version: LLVM 22.1 (Debian llvm-22 and lld-22 1:22.1.8-1~deb12u1), binary format read by hand in Python.
# Source: lld/wasm/MapFile.cpp adds the chunk's offset to the section's, which leaves out the section's header.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 lld-22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/lib/llvm-22/bin/$@"; }
cat > two.ll <<'LL'
target triple = "wasm32-unknown-unknown"
@numbers = constant [4 x i32] [i32 286331153, i32 572662306, i32 858993459, i32 1145324612]
define i32 @first(i32 %x) {
  %r = mul i32 %x, 3
  ret i32 %r
}
define i32 @second(i32 %x) {
  %p = getelementptr i32, ptr @numbers, i32 %x
  %r = load i32, ptr %p
  ret i32 %r
}
LL
with llc -O2 -filetype=obj two.ll -o two.o
with wasm-ld --no-entry --export=first --export=second -Map=map two.o -o two.wasm
python3 - <<'P'
import re

module = open("two.wasm", "rb").read()

def number(at):
    value = shift = 0
    while True:
        byte = module[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at

true = {}
at = 8
while at < len(module):
    kind, (size, content) = module[at], number(at + 1)
    if kind == 10:
        count, body = number(content)
        true["header of code"] = content - at
        true["code"] = body
    if kind == 11:
        true["header of data"] = content - at
        true["data"] = module.index(bytes([0x11] * 4 + [0x22] * 4), content)
    at = content + size
said = {}
for line in open("map"):
    found = re.match(r"\s*\S+\s+([0-9a-f]+)\s+[0-9a-f]+ {9}\S*:\((\S+)\)$", line)
    if found:
        said[found[2]] = int(found[1], 16)
functions = [said[name] for name in said if "numbers" not in name]
code, data = min(functions), said[".rodata.numbers"]
print(f"first function: map {code:#x}, file {true['code']:#x}; data: map {data:#x}, file {true['data']:#x}")
print(f"headers of the sections: {true['header of code']} and {true['header of data']} bytes")
assert true["code"] - code == true["header of code"], "the map's offset of a function is true now"
assert true["data"] - data == true["header of data"], "the map's offset of data is true now"
P
