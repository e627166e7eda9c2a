#!/usr/bin/env bash
# Guess: in callgrind's file the cost behind a `calls=` line is what these calls cost, so none is above the program's total.
# Seen:  where functions call each other in a circle, each level counts what the levels below cost once more: one line's cost is
#        many times the total.
# Matters: a reader that sums the lines of a function, or takes the largest as its inclusive cost, gives shares of more than 100 %;
#        only calls into and out of the circle as a whole can be used.
# Version: valgrind 3.19.0.
# Source: observation; the manual's chapter on cycles says that inclusive cost is meaningless within one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > circle.c <<'C'
__attribute__((noinline)) int even(int n);
__attribute__((noinline)) int odd(int n) { return n == 0 ? 0 : even(n - 1) + 1; }
__attribute__((noinline)) int even(int n) { return n == 0 ? 0 : odd(n - 1) + 1; }
int main(void) { return even(1000) & 1; }
C
gcc -O1 -fno-optimize-sibling-calls -fno-ipa-cp -o circle circle.c
valgrind --version
valgrind -q --tool=callgrind --callgrind-out-file=out ./circle
python3 - <<'PY'
total = largest = 0
after_calls = False
for line in open("out"):
    if line.startswith(("totals:", "summary:")):
        total = int(line.split()[1])
    if after_calls:
        largest = max(largest, int(line.split()[1]))
    after_calls = line.startswith("calls=")
print(f"the program: {total} instructions; the dearest calls= line: {largest} ({100 * largest / total:.0f} %)")
raise SystemExit(largest <= total)
PY
echo "as described: one line of calls costs more than the program"
