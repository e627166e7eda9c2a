#!/usr/bin/env bash
# Guess: `wasm-opt -Oz` without `-g` writes no debug information; `-g` keeps it.
# Seen:  `-g` decides about the name section only. Without it the names go and all `.debug_*` sections stay, which is the
#        worse half twice: the small, useful part is lost and the large one is shipped. `--strip-debug` removes both,
#        `--strip-dwarf` the DWARF.
# Matters: a module built with debug information stays many times its size after -Oz, and a size tool reading it has
#        no names.
# Version: binaryen 132.0.0 (npm), LLVM 22.1 (Debian llvm-22 and lld-22 1:22.1.8-1~deb12u1) to make the module.
# Source: `wasm-opt --help` words `-g` as being about the names section.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download llvm-22=1:22.1.8-1~deb12u1 libllvm22=1:22.1.8-1~deb12u1 lld-22=1:22.1.8-1~deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/lib/llvm-22/bin/$@"; }
npm install --silent --no-fund --no-audit --prefix "$work" binaryen@132.0.0

cat > scale.ll <<'LL'
target triple = "wasm32-unknown-unknown"
define i32 @scale(i32 %x) !dbg !4 {
  %r = mul i32 %x, 3, !dbg !7
  ret i32 %r, !dbg !7
}
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_Rust, file: !1, producer: "by hand", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug)
!1 = !DIFile(filename: "scale.rs", directory: "/src")
!2 = !{i32 7, !"Dwarf Version", i32 4}
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = distinct !DISubprogram(name: "scale", scope: !1, file: !1, line: 1, type: !5, scopeLine: 1, spFlags: DISPFlagDefinition, unit: !0)
!5 = !DISubroutineType(types: !6)
!6 = !{}
!7 = !DILocation(line: 2, column: 3, scope: !4)
LL
with llc -filetype=obj scale.ll -o scale.o
with wasm-ld --no-entry --export=scale scale.o -o scale.wasm

sections() {
    node -e 'const m = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
        const has = name => WebAssembly.Module.customSections(m, name).length;
        console.log(`name ${has("name")} dwarf ${has(".debug_info")}`)' "$1"
}
echo "input: $(sections scale.wasm), $(stat -c %s scale.wasm) bytes"
for options in -Oz "-Oz -g" "-Oz --strip-debug" "-Oz -g --strip-dwarf"; do
    node_modules/.bin/wasm-opt $options scale.wasm -o out.wasm
    echo "$options: $(sections out.wasm)" | tee -a log
    echo "  $(stat -c %s out.wasm) bytes"
done
diff log - <<'WANT' || { echo "changed: see above"; exit 1; }
-Oz: name 0 dwarf 1
-Oz -g: name 1 dwarf 1
-Oz --strip-debug: name 0 dwarf 0
-Oz -g --strip-dwarf: name 1 dwarf 0
WANT
echo "as described: -Oz alone keeps the DWARF and drops the names"
