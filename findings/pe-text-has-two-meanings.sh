#!/usr/bin/env bash
# Guess: GNU `size` and `llvm-size` agree on a PE file as they do on an ELF file: constants count as text, zeroed data as bss.
# Seen:  on PE, llvm-size counts constants as data and prints 0 for bss; GNU size counts them as text and prints the bss.
#        On an ELF program with the same content the two agree.
# Matters: a limit on text set with one tool is off by all constants and unwind data with the other, and only for the
#        Windows build; llvm-size's total misses the zeroed variables.
# Version: binutils 2.40, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1), binutils-mingw-w64 2.40 (Debian 2.40-2+10.4).
# Source: none found; LLVM's manual says that the Berkeley format is the default and not how sections are classed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download binutils-mingw-w64-x86-64=2.40-2+10.4 llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
llvm() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/lib/llvm-22/bin/llvm-size" "$1" | tail -1; }
gnu() { size "$1" | tail -1; }

program() { # the section of constants
    printf '%s\n' .text ".globl $1" "$1: ret" '.fill 99, 1, 0x90' .data '.space 200, 1' .bss '.space 9000' ".section $2" '.space 5000, 1'
}
program _start '.rodata,"a"' > elf.s
program mainCRTStartup '.rdata,"dr"' > pe.s
as elf.s -o elf.o && ld elf.o -o elf
root/usr/bin/x86_64-w64-mingw32-as pe.s -o pe.o
root/usr/bin/x86_64-w64-mingw32-ld pe.o -o pe
for f in elf pe; do
    read -r gt gd gb _ < <(gnu $f)
    read -r lt ld lb _ < <(llvm $f)
    echo "$f: GNU text $gt data $gd bss $gb, LLVM text $lt data $ld bss $lb"
    if [ $f = elf ]; then
        [ "$gt $gd $gb" = "$lt $ld $lb" ] || { echo "changed: they disagree on ELF"; exit 1; }
    else
        [ "$gt" -ge 5000 ] && [ "$lt" -lt 1000 ] && [ "$ld" -ge 5000 ] || { echo "changed: where the constants are"; exit 1; }
        [ "$gb" -ge 9000 ] && [ "$lb" = 0 ] || { echo "changed: where the zeroed data is"; exit 1; }
    fi
done
echo "as described: two meanings of text on PE"
