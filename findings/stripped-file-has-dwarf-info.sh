#!/usr/bin/env bash
# Guess: pyelftools' `has_dwarf_info()` is false for a stripped program.
# Seen:  it is true, because a program's unwind table (`.eh_frame`) counts as DWARF. Only `has_dwarf_info(strict=True)`
#        asks for debug information; a program so found has no compilation unit to iterate over.
# Matters: a script that picks its method by this question attributes nothing by debug information and reports no reason.
# Version: pyelftools 0.33, rustc 1.95.0.
# Source: the docstring of `has_dwarf_info`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
rustc -O -Cstrip=symbols app.rs -o stripped
rustc -O app.rs -g -o full
python3 -m venv venv
venv/bin/pip -q install pyelftools==0.33
venv/bin/python - <<'PY'
from elftools.elf.elffile import ELFFile
seen = {}
for path in "full", "stripped":
    with open(path, "rb") as file:
        elf = ELFFile(file)
        units = sum(1 for _ in elf.get_dwarf_info().iter_CUs()) if elf.get_section_by_name(".debug_info") else 0
        seen[path] = elf.has_dwarf_info(), elf.has_dwarf_info(strict=True), units
        print(f"{path}: has_dwarf_info() {seen[path][0]}, strict {seen[path][1]}, compilation units {units}")
assert seen["full"][:2] == (True, True) and seen["full"][2] > 0, "changed: the full program"
assert seen["stripped"] == (True, False, 0), "changed: the stripped program"
PY
echo "as described: a stripped program has 'DWARF info'"
