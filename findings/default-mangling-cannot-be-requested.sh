#!/usr/bin/env bash
# Guess: `-C symbol-mangling-version=legacy` is the way to keep today's names: it asks for what stable rustc does anyway.
# Seen:  stable 1.95 refuses the value without `-Z unstable-options`, while `v0` is accepted, and a build without the flag
#        does use the legacy scheme.
# Matters: a script that compares both schemes, or pins the present one against a later change of the default, cannot
#        name the scheme that it gets; leaving the flag out is the only way.
# Version: rustc 1.95.0.
# Source: rustc's own message.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
unset RUSTC_BOOTSTRAP
echo '#[inline(never)] pub fn helper() { println!("x") }' > app.rs
symbol() { rustc -O --crate-type lib --emit=obj app.rs -o "$1.o" "${@:2}" && nm "$1.o" | grep -o '_[ZR][A-Za-z0-9_]*helper.*'; }
echo "no flag: $(symbol none)"
echo "v0:      $(symbol v0 -Csymbol-mangling-version=v0)"
status=0
symbol legacy -Csymbol-mangling-version=legacy > message 2>&1 || status=$?
echo "legacy:  exit status $status: $(head -1 message)"

[[ $(symbol none) == _ZN* ]] || { echo "changed: the default scheme"; exit 1; }
[[ $(symbol v0 -Csymbol-mangling-version=v0) == _R* ]] || { echo "changed: v0 is not accepted"; exit 1; }
[ $status != 0 ] && grep -q unstable-options message || { echo "changed: legacy is accepted"; exit 1; }
echo "as described: the default cannot be asked for"
