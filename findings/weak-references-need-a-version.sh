#!/usr/bin/env bash
# Guess: a library whose only references to a symbol version are weak (they may stay undefined) also loads where the C library
#        does not offer that version: the linker marks the need as weak (VER_FLG_WEAK), as the format provides.
# Seen:  GNU ld writes the need without the mark, so the loader refuses the file; set in the file by hand, the mark is honoured.
# Matters: "the oldest C library that this runs on" follows from the need's mark and not from how the symbols are bound: weak
#        references to new functions, the usual way to stay compatible, raise it all the same.
# Version: GNU ld 2.40; readelf 2.40.
# Source: observation; the Linux Standard Base describes VER_FLG_WEAK.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'V2 { global: later; };\n' > map
echo 'int later(void) { return 1; }' > lib.c
gcc -shared -fPIC -o libdep.so -Wl,-soname,libdep.so -Wl,--version-script=map lib.c
echo 'extern int later(void) __attribute__((weak)); int main(void) { return later ? 0 : 3; }' > main.c
gcc -fuse-ld=bfd -o main main.c -Wl,--no-as-needed -L. -ldep -Wl,-rpath,"$work"
ld.bfd --version | head -1
readelf --dyn-syms -W main | grep ' later'
readelf -V main | grep 'Name: V2'
readelf --dyn-syms -W main | grep -q 'WEAK .* later' || { echo "changed: the reference is not weak"; exit 1; }
readelf -V main | grep -q 'Name: V2 *Flags: none' || { echo "changed: the need is marked"; exit 1; }
# The same library without the version.
printf 'V1 { global: other; };\n' > map
echo 'int other(void) { return 1; }' > lib.c
gcc -shared -fPIC -o libdep.so -Wl,-soname,libdep.so -Wl,--version-script=map lib.c
if ./main 2> said; then echo "changed: the program starts"; exit 1; fi
grep -o 'version .V2. not found.*' said | sed 's/(.*//'
# The mark, where the linker could have set it: behind the hash of the name in the table of needs.
python3 - <<'PY'
import struct, subprocess
table = subprocess.run(["readelf", "-SW", "main"], capture_output=True, text=True).stdout
words = next(l for l in table.splitlines() if ".gnu.version_r" in l).split("VERNEED")[1].split()
offset, size = int(words[1], 16), int(words[2], 16)
data = bytearray(open("main", "rb").read())
value = 0
for c in b"V2":
    value = (value << 4) + c
at = data.index(struct.pack("<I", value), offset, offset + size)
data[at + 4 : at + 6] = struct.pack("<H", 2)
open("marked", "wb").write(data)
PY
chmod +x marked
readelf -V marked | grep -o 'Name: V2.*'
status=0
./marked || status=$?
echo "marked by hand it starts, and ends with $status"
[ "$status" -eq 3 ] || { echo "changed: the loader does not honour the mark"; exit 1; }
echo "as described: all references are weak, and the program does not start without the version"
