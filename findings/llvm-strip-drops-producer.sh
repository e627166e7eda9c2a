#!/usr/bin/env bash
# Guess: strip, eu-strip and llvm-strip without options remove the same sections.
# Seen:  llvm-strip also removes `.comment`; the others and rustc's own `-C strip=symbols` keep it.
# Matters: `.comment` is the one place in a stripped program that names the compiler and the linker, so tools that decide
#        by the producer (which std, which linker's layout) are blind after llvm-strip only.
# Version: binutils 2.40, elfutils 0.188 (Debian 0.188-2.1), LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1), rustc 1.95.0.
# Source: LLVM's llvm-objcopy manual has `--strip-all-gnu` for GNU's behaviour.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 \
    elfutils=0.188-2.1 libelf1=0.188-2.1 libdw1=0.188-2.1 libasm1=0.188-2.1
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$@"; }

echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
rustc -O app.rs -o app
rustc -O -Cstrip=symbols app.rs -o rustc
strip -o gnu app
with root/usr/bin/eu-strip -o elfutils app
with root/usr/lib/llvm-22/bin/llvm-strip -o llvm app
with root/usr/lib/llvm-22/bin/llvm-strip --strip-all-gnu -o llvm-as-gnu app
for f in rustc gnu elfutils llvm llvm-as-gnu; do
    kept=no
    if readelf -SW $f | grep -q ' \.comment '; then kept=yes; fi
    echo "$f: $(stat -c %s $f) bytes, .comment kept: $kept" | tee -a log
done
[ "$(grep -c 'kept: yes' log)" = 4 ] && grep -q '^llvm: .*kept: no' log || { echo "changed: who keeps .comment"; exit 1; }
[ -z "$(readelf -p .comment llvm 2> /dev/null | grep -i rustc)" ] && readelf -p .comment gnu | grep -qi rustc || { echo "changed: the producer"; exit 1; }
echo "as described: only plain llvm-strip loses the producer"
