#!/usr/bin/env bash
# Guess: `nm` lists the functions of an rlib or of a static library of Rust's: the members are plain ELF objects.
# Seen:  objects that also carry bitcode (`.llvmbc`: all of the toolchain's rlibs, and what is built with
#        `-Cembed-bitcode`) are given to the linker plugin of LLVM, where Debian's package has put one into
#        /usr/lib/bfd-plugins. That of LLVM 14 cannot read the bitcode of rustc 1.95, so `nm` prints "no symbols" for
#        each member and ends with success. `readelf -s`, and `nm` without the plugin, list the functions.
# Matters: scripts that count or sum the symbols of libraries by `nm -S` get zero without an error.
# Version: binutils 2.40, llvm-14-linker-tools 14.0.6 (Debian 12), rustc 1.95.0.
# Source: none found; binutils' manual of `nm` names `--plugin` for extra target types only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export RUSTUP_TOOLCHAIN=1.95.0
apt-get download -qq llvm-14-linker-tools libllvm14 2> /dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib/llvm-14/lib"
export LD_LIBRARY_PATH
plugin=$(find root -name 'LLVMgold*.so' | head -1)
echo '#[inline(never)] pub fn plain(x: u32) -> u32 { x.rotate_left(3) ^ 77 }' > lib.rs
rustc -O --crate-type rlib --crate-name plain -Cembed-bitcode=yes lib.rs -o libplain.rlib
status=0
nm --plugin "$plugin" --defined-only libplain.rlib > by_nm 2> messages || status=$?
with=$(grep -c ' [tT] .*plain' by_nm || true)
by_readelf=$(readelf -sW libplain.rlib | grep -c 'FUNC.*plain' || true)
grep -h 'no symbols' messages || true
echo "functions: $with by nm with the plugin (status $status), $by_readelf by readelf"
[ "$with" = 0 ] && [ "$by_readelf" -gt 0 ] || { echo "changed: nm lists the functions"; exit 1; }
echo "as described: nm lists nothing"
