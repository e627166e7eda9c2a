#!/usr/bin/env bash
# Guess: `llvm-profdata merge -` merges the profile on its standard input, or refuses `-`.
# Seen:  it writes a valid profile without one function and exits with 0, whatever comes: a text profile, an indexed one, or
#        words that are no profile. The input is read once to find out what it is, and is at its end when the counts should be
#        read from it; an empty input is a valid text profile.
# Matters: a build with that profile succeeds and is optimised as if nothing had ever run. Whoever pipes has to look at the
#        number of functions afterwards.
# Version: LLVM 22.1 (Debian llvm-22 1:22.1.8-1~deb12u1).
# Source: observation; `llvm-profdata merge --help` says "<filename...>".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" llvm; done
profdata() { LD_LIBRARY_PATH=$work/llvm/usr/lib/llvm-22/lib:$work/llvm/usr/lib/x86_64-linux-gnu "$work/llvm/usr/lib/llvm-22/bin/llvm-profdata" "$@"; }

printf ':ir\nwork\n10\n2\n5\n7\n\n' > counts.proftext
profdata merge -o from-file counts.proftext
profdata merge -o text - < counts.proftext
profdata merge -o indexed - < from-file
echo 'no profile at all' | profdata merge -o words -
show() { profdata show "$1" | grep -E '^(Total functions|Total count)' | tr '\n' ' '; }
for profile in from-file text indexed words; do
    echo "$profile: $(show $profile)"
done
[ "$(show from-file)" = "Total functions: 1 Total count: 12 " ] || { echo "changed: the file is read otherwise"; exit 1; }
for profile in text indexed words; do
    [ "$(show $profile)" = "Total functions: 0 Total count: 0 " ] || { echo "changed: a pipe has counts"; exit 1; }
done
echo "as described: from a pipe nothing is merged, and each run exits with 0"
