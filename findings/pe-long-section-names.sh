#!/usr/bin/env bash
# Guess: a reader of PE files gives a section of a mingw program the name that objdump shows (`.debug_info`).
# Seen:  pefile and LIEF give `/4`: a name longer than eight bytes is stored as an offset into the string table behind the
#        COFF symbols, and neither library resolves it.
# Matters: a size table by section name lumps or drops the debug sections of windows-gnu programs, and a search for
#        `.debug_info` finds that there is none.
# Version: pefile 2024.8.26, lief 1.0.0, binutils-mingw-w64 2.40 (Debian 2.40-2+10.4).
# Source: Microsoft's PE format page says that images use no string table; GNU ld uses one all the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download binutils-mingw-w64-x86-64=2.40-2+10.4
dpkg -x *.deb root
mingw() { "root/usr/bin/x86_64-w64-mingw32-$1" "${@:2}"; }

cat > app.s <<'S'
.text
.globl mainCRTStartup
mainCRTStartup: ret
.section .debug_info,"dr"
.space 300, 7
.section .debug_line,"dr"
.space 200, 7
S
mingw as app.s -o app.o
mingw ld app.o -o app.exe
mingw objdump -h app.exe | awk '$1 ~ /^[0-9]+$/ { print $2 }' > objdump.names
echo "objdump: $(tr '\n' ' ' < objdump.names)"
python3 -m venv venv
venv/bin/pip -q install lief==1.0.0 pefile==2024.8.26
venv/bin/python - <<'PY'
import lief, pefile
image, binary = pefile.PE("app.exe"), lief.parse("app.exe")
by_pefile = [section.Name.rstrip(b"\0").decode() for section in image.sections]
by_lief = [section.name for section in binary.sections]
print("pefile: ", *by_pefile)
print("LIEF:   ", *by_lief)
true = open("objdump.names").read().split()
assert ".debug_info" in true and ".debug_line" in true, "changed: objdump"
for names in by_pefile, by_lief:
    assert ".debug_info" not in names and sum(name.startswith("/") for name in names) == 2, "changed: names are resolved"
PY
echo "as described: the debug sections have no names"
