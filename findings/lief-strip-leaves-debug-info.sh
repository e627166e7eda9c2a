#!/usr/bin/env bash
# Guess: LIEF's `Binary.strip()` followed by `write()` does what strip does: symbols, their names and debug information go.
# Seen:  only the section `.symtab` goes. `.strtab` and every `.debug_*` section stay, so 99.99 % of the bytes do.
# Matters: a packaging script that strips with LIEF ships the debug information, and the names of all functions can still
#        be read from the string table.
# Version: lief 1.0.0, binutils 2.40, rustc 1.95.0.
# Source: the documentation says no more than that the binary is stripped.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0
cd "$work"
echo 'fn main() { println!("{}", std::env::args().count()); }' > app.rs
rustc -O -g app.rs -o app
strip -o by-strip app
python3 -m venv venv
venv/bin/pip -q install lief==1.0.0
venv/bin/python - <<'PY'
import lief, os
binary = lief.parse("app")
binary.strip()
binary.write("by-lief")
after = lief.parse("by-lief")
sections = [section.name for section in after.sections]
sizes = {path: os.path.getsize(path) for path in ("app", "by-strip", "by-lief")}
kept = sorted(name for name in sections if name.startswith(".debug_") or name == ".strtab")
print(sizes, "kept:", *kept)
assert ".symtab" not in sections, "changed: .symtab stays"
assert ".strtab" in kept and ".debug_info" in kept, "changed: the rest goes too"
assert sizes["by-lief"] > sizes["app"] * 0.99 and sizes["by-strip"] < sizes["app"] / 4, "changed: sizes"
PY
readelf -p .strtab by-lief | grep -o '_ZN3app4main17h[0-9a-f]*E' || { echo "changed: the names are gone"; exit 1; }
echo "as described: the debug information and the names are still there"
