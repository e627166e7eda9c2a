#!/usr/bin/env bash
# Guess: LLVM's tools demangle both of Rust's schemes, as binutils does.
# Seen:  they demangle v0 only. A legacy name is taken for C++, which leaves `$LT$`, `$u20$` and `..` in it. In v0 names
#        the two toolchains differ as well: GNU prints the crate's hash, LLVM does not.
# Matters: rustc 1.95 writes legacy names for user crates beside the v0 names of the prebuilt std, so one listing of
#        llvm-nm or llvm-objdump holds both kinds, and listings of the two toolchains cannot be joined by name.
# Version: binutils 2.40, LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: none found that states the limit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
gnu() { c++filt "$1"; }
llvm() { LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu "$work/root/usr/lib/llvm-22/bin/llvm-cxxfilt" "$1"; }

fail() { echo "changed: $1"; exit 1; }
legacy='_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$5clone17h0123456789abcdefE'
v0=_RNvCs1234_3app6helper
for name in "$legacy" $v0; do
    printf '%s\n  GNU   %s\n  LLVM  %s\n' "$name" "$(gnu "$name")" "$(llvm "$name")"
done
[[ $(gnu "$legacy") == "<alloc::vec::Vec<T> as core::clone::Clone>::clone"* ]] || fail "GNU on a legacy name"
[[ $(llvm "$legacy") == *'$LT$'*'$u20$'* ]] || fail "LLVM decodes legacy names"
[ "$(gnu $v0)" = "app[3c1c0]::helper" ] && [ "$(llvm $v0)" = app::helper ] || fail "a v0 name"
echo "as described: LLVM left the legacy name half mangled"
