#!/usr/bin/env bash
# Guess: `llvm-profdata merge --write-prev-version` writes the version of the indexed format before the current one, so
#        that a tool which is one version behind reads the result.
# Seen:  LLVM 22 writes version 13 without the flag and 11 with it: two versions are skipped at once. The counts are the
#        same in both, and 12 cannot be had.
# Matters: a reader that knows 12 and is offered the flag as the way down has to know 11, and a reader written against
#        the "previous" version meets a header without the fields of 12.
# Version: LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: `llvm-profdata merge --help` says "write the previous version of indexed format"; the version is the second
#        eight bytes of the file (InstrProfData.inc, `INSTR_PROF_INDEX_VERSION`).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
profdata() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-profdata" "$@"; }

cat > counts.proftext <<'TEXT'
:ir
work
# Func Hash:
10
# Num Counters:
2
# Counter Values:
5
7

TEXT
profdata merge -o current counts.proftext
profdata merge --write-prev-version -o previous counts.proftext
# The upper byte has flags: which kind of profile it is.
version() { python3 -c 'import struct, sys; print(struct.unpack_from("<Q", open(sys.argv[1], "rb").read(), 8)[0] & (1 << 56) - 1)' "$1"; }
counts() { profdata show --all-functions --counts "$1" | grep 'Block counts'; }
echo "current:  version $(version current), $(counts current)"
echo "previous: version $(version previous), $(counts previous)"
[ "$(counts current)" = "$(counts previous)" ]
[ "$(version current)" = 13 ]
[ "$(version previous)" = 11 ]
