#!/usr/bin/env bash
# Guess: the entries of `.eh_frame` begin where functions begin, so that a stripped library's functions can be listed from them.
# Seen:  glibc's entry for the code that a signal handler returns to begins one byte before it, inside the padding of the
#        function before. The debug file's symbol has the true address. The entry is the one with the mark for signal frames.
# Matters: a list of functions made from unwind tables has one of a single byte there, or takes the byte from the function
#        before; unwinders look up the address before a return address, and a handler was not called from anywhere.
# Version: glibc 2.36 (Debian libc6 and libc6-dbg 2.36-9+deb12u14), readelf 2.40.
# Source: the comment on this entry in glibc's sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=2.36-9+deb12u14
apt-get -o APT::Sandbox::User=root -qq download "libc6=$version" "libc6-dbg=$version"
for deb in *.deb; do dpkg -x "$deb" root; done
library=root/lib/x86_64-linux-gnu/libc.so.6
id=$(readelf -n "$library" | sed -n 's/.*Build ID: //p')
debug=root/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
# readelf misses the program headers' contents, which a debug file does not have, and says so.
at=$({ readelf -sW "$debug" 2> /dev/null || true; } | awk '$8 == "__restore_rt" { print $2 }')
# The CIE with the mark, and the entries that refer to it.
entry=$({ readelf --debug-dump=frames "$library" 2> /dev/null || true; } | awk '
    / CIE$/ { cie = $1 } /Augmentation: *"zRS"/ { marked[cie] = 1 }
    / FDE / { split($5, of, "="); if (marked[of[2]]) { split($6, pc, "[=.]"); print pc[2] } }')
echo "signal frames begin at: $entry"
echo "__restore_rt is at:     $at"
[ "$(wc -w <<< "$entry")" = 1 ] || { echo "changed: another number of signal frames"; exit 1; }
[ $((16#$at - 16#$entry)) = 1 ] || { echo "changed: the distance is another"; exit 1; }
echo "as described: one byte apart"
