#!/usr/bin/env bash
# Guess: the maximum resident set that `wait4` and `/usr/bin/time` give for a program is that of the program.
# Seen:  it is never below what its parent held when it forked: the mark of the process before `exec` is kept. The same small
#        program has another peak under each runner.
# Matters: a benchmark harness of some megabytes gives one and the same peak to every small command-line tool, and a tool whose
#        memory doubles below that shows no change.
# Version: Linux 6.x; Python 3; GNU coreutils' `true`. `getrusage(2)` describes the field and does not mention the parent.
# Source: observation; the kernel keeps the larger mark when it replaces a process's memory.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/peak.py" <<'PY'
import os, sys
held = bytearray(int(sys.argv[1]) << 20)
held[::4096] = b"x" * len(held[::4096])
pid = os.fork()
if pid == 0:
    os.execv("/bin/true", ["true"])
print(os.wait4(pid, 0)[2].ru_maxrss)
PY
small=$(python3 "$work/peak.py" 0)
large=$(python3 "$work/peak.py" 64)
uname -r
echo "peak of /bin/true: $small KiB under a small parent, $large KiB under one that holds 64 MiB"
[ "$large" -gt 65536 ] || { echo "changed: the parent's memory is not counted"; exit 1; }
[ "$small" -lt 32768 ] || { echo "changed: a small parent makes a large peak"; exit 1; }
echo "as described: the peak is the parent's"
