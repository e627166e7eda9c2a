#!/usr/bin/env bash
# Guess: `size` of a file made by `objcopy --only-keep-debug` shows no code or data, or at least not the program's text.
# Seen:  it shows the text of the program in full, counts all initialised data as bss, and the total equals the
#        program's, in GNU, LLVM and elfutils alike, although the file holds none of those bytes.
# Matters: a size gate pointed at the wrong half of a split pair passes with plausible figures; text says nothing about
#        which half was measured.
# Version: binutils 2.40, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1), elfutils 0.188 (Debian 0.188-2.1), rustc 1.95.0.
# Source: none found. The sections keep their sizes and become NOBITS; `size` calls NOBITS bss only where it is writable.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 \
    elfutils=0.188-2.1 libelf1=0.188-2.1 libdw1=0.188-2.1 libasm1=0.188-2.1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
gnu() { LD_LIBRARY_PATH= size "$1"; }
llvm() { root/usr/lib/llvm-22/bin/llvm-size "$1"; }
elfutils() { root/usr/bin/eu-size "$1"; }

echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
LD_LIBRARY_PATH= rustc -O -g app.rs -o app
LD_LIBRARY_PATH= objcopy --only-keep-debug app app.debug
for tool in gnu llvm elfutils; do
    read -r text data bss total _ < <($tool app | tail -1)
    read -r dtext ddata dbss dtotal _ < <($tool app.debug | tail -1)
    echo "$tool: program text $text data $data bss $bss total $total; debug file $dtext $ddata $dbss $dtotal"
    [ "$text" = "$dtext" ] && [ "$total" = "$dtotal" ] || { echo "changed: $tool tells them apart"; exit 1; }
    [ "$ddata" = 0 ] && [ "$dbss" = $((data + bss)) ] || { echo "changed: where $tool counts the data"; exit 1; }
done
LD_LIBRARY_PATH= readelf -SW app.debug | grep -E ' \.text ' | grep -q NOBITS || { echo "changed: the debug file holds code"; exit 1; }
echo "as described: the debug file has the program's text and total"
