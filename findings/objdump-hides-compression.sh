#!/usr/bin/env bash
# Guess: `objdump -h` and `size -A`, two tools of one package, print the same section sizes: those in the file.
# Seen:  for a section that was compressed (SHF_COMPRESSED) `objdump -h` prints the size after decompression, with no mark
#        that it did, so its sections add up to more than the file. `size -A`, readelf and LLVM's `llvm-objdump -h` print
#        the stored size.
# Matters: in a breakdown by `objdump -h`, compressing debug information saves nothing, and the offset and size columns
#        describe overlapping ranges.
# Version: binutils 2.40, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1), rustc 1.95.0.
# Source: none found in objdump's manual.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done

echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
rustc -O -g app.rs -o app
objcopy --compress-debug-sections=zlib app packed
objdump -h packed > objdump.out
LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" root/usr/lib/llvm-22/bin/llvm-objdump -h packed > llvm.out
size -A app > plain.out
size -A packed > size.out
readelf -SW packed > readelf.out
stat -c %s packed > length

python3 - <<'PY'
import re
length = int(open("length").read())
hexadecimal = lambda path: int(re.search(r"\.debug_info\s+([0-9a-f]+)", open(path).read())[1], 16)
decimal = lambda path: int(re.search(r"\.debug_info\s+(\d+)", open(path).read())[1])
plain, size = decimal("plain.out"), decimal("size.out")
objdump, llvm = hexadecimal("objdump.out"), hexadecimal("llvm.out")
elf = int(re.search(r"\.debug_info\s+PROGBITS\s+\S+\s+\S+\s+([0-9a-f]+)", open("readelf.out").read())[1], 16)
rows = re.findall(r"^\s*\d+ (\S+)\s+([0-9a-f]{8})\s+\S+\s+\S+\s+([0-9a-f]{8}).*\n(.*)", open("objdump.out").read(), re.M)
rows = sorted((int(off, 16), int(n, 16)) for name, n, off, flags in rows if "CONTENTS" in flags)
overlaps = sum(a + n > b for (a, n), (b, _) in zip(rows, rows[1:]))
print(f".debug_info: {plain} before compression; afterwards objdump -h {objdump}, size -A {size}, readelf -S {elf}, llvm-objdump -h {llvm}")
print(f"file {length} bytes, objdump's sections {sum(n for _, n in rows)}, overlapping ranges {overlaps}")
assert objdump == plain, "changed: objdump prints the stored size"
assert size == elf == llvm < plain, "changed: what the others print"
assert sum(n for _, n in rows) > length and overlaps > 0, "changed: the sections fit the file"
PY
echo "as described: objdump -h ignores the compression"
