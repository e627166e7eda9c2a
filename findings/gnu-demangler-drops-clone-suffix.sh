#!/usr/bin/env bash
# Guess: `c++filt` and `nm -C` mark a clone (`.cold`, `.llvm.123`) of a Rust function as they mark one of a C++ function,
#        with `[clone .cold]` after the name.
# Seen:  for Rust names of both schemes the suffix vanishes, so a function and its cold part get one and the same name.
# Matters: a size or sample table keyed on GNU's names adds a function and its outlined part without showing it, and a
#        lookup by name finds two addresses.
# Version: binutils 2.40.
# Source: none found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "changed: $1"; exit 1; }
for name in _RNvCs1234_3app6helper _ZN3app6helper17h0123456789abcdefE _ZN3app6helperEv; do
    echo "$name: $(c++filt $name)   with .cold: $(c++filt $name.cold)   with .llvm.123: $(c++filt $name.llvm.123)"
done
cat > app.s <<'S'
.text
.globl _RNvCs1234_3app6helper
_RNvCs1234_3app6helper: ret
.size _RNvCs1234_3app6helper, 1
_RNvCs1234_3app6helper.cold: ret
.size _RNvCs1234_3app6helper.cold, 1
S
as app.s -o app.o
nm -C app.o

for name in _RNvCs1234_3app6helper _ZN3app6helper17h0123456789abcdefE; do
    [ "$(c++filt $name.cold)" = "$(c++filt $name)" ] || fail "the suffix of $name is kept"
done
[ "$(c++filt _ZN3app6helperEv.cold)" = "app::helper() [clone .cold]" ] || fail "the suffix of a C++ name"
[ "$(nm -C app.o | awk '{ print $3 }' | sort -u | wc -l)" = 1 ] || fail "nm -C shows two names"
echo "as described: two symbols, one name"
