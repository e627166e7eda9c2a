#!/usr/bin/env bash
# Guess: an archive that every linker of its platform reads can be listed with its details by `llvm-ar tv`, as by GNU `ar tv`.
# Seen:  import libraries that Microsoft's tools wrote have "-1" in the place of each member's time. llvm-ar prints the names
#        (`t`), the symbols and the members (`p`), but stops at the first member when it is to print details: "-1" is no
#        number for it. GNU ar prints them, with the last second of 1969 as time.
# Matters: sizes of the members of such a library cannot be had from llvm-ar; whoever takes its failure for damage refuses
#        the library that is linked into every Rust program for Windows.
# Version: LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1), GNU ar 2.40, the crate windows_x86_64_msvc 0.53.1.
# Source: "PE Format", Archive Member Headers: the date is seconds since 1970 in decimal.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
llvm_ar() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-ar" "$@"; }
mkdir -p probe/src
printf '[package]\nname = "probe"\nversion = "0.0.0"\n[dependencies]\nwindows_x86_64_msvc = "=0.53.1"\n[workspace]\n' > probe/Cargo.toml
touch probe/src/lib.rs
(cd probe && cargo vendor --quiet --versioned-dirs ../vendored > /dev/null)
library=$(echo vendored/windows_x86_64_msvc-0.53.1/lib/*.lib)
python3 - "$library" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
print("time of the first member:", data[8 + 16 : 8 + 28])
PY
echo "llvm-ar t:  $(llvm_ar t "$library" | wc -l) names"
echo "ar t:       $(ar t "$library" | wc -l) names"
if llvm_ar tv "$library" > listed 2> said; then echo "changed: llvm-ar lists the details"; exit 1; fi
echo "llvm-ar tv: $(wc -l < listed) lines, $(grep -o "characters in.*" said | head -1)"
TZ=UTC ar tv "$library" > gnu
echo "ar tv:      $(wc -l < gnu) lines, the first: $(head -1 gnu)"
grep -q "'-1'" said || { echo "changed: llvm-ar says something else"; exit 1; }
[ "$(llvm_ar t "$library" | wc -l)" = "$(wc -l < gnu)" ] || { echo "changed: GNU ar lists others"; exit 1; }
echo "as described: names yes, details no"
