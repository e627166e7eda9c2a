#!/usr/bin/env bash
# Guess: `panic = "abort"` in `[profile.bench]` has no effect: cargo warns "`panic` setting is ignored for `bench` profile".
# Seen:  cargo leaves it out where it compiles the benchmark, and passes `-C panic=abort` where it compiles the program of
#        the same package, which `cargo bench` builds for benchmarks that start it.
# Matters: a tool that repeats the warning ("ignored") says something false of the program that the benchmarks run; one that
#        believes the manifest says something false of the benchmarks.
# Version: cargo and rustc 1.95.0.
# Source: observation; the Cargo book's chapter on profiles says that tests, benchmarks and build scripts ignore `panic`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir -p "$work/app/src" "$work/app/benches"
cd "$work/app"
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[[bench]]\nname = "speed"\nharness = false\n[profile.bench]\npanic = "abort"\n' > Cargo.toml
echo 'fn main() { println!("program"); }' > src/main.rs
echo 'fn main() { println!("{}", env!("CARGO_BIN_EXE_app")); }' > benches/speed.rs
cargo bench --no-run -v 2> log
grep -o 'warning: .*panic.*' log || { echo "changed: no warning"; exit 1; }
runs() { grep 'Running `' log | grep -- "--crate-name $1 .*$2" || true; }
count() { runs "$1" "$2" | grep -c -- 'panic=abort' || true; }
program=$(count app 'src/main.rs.*--crate-type bin')
bench=$(count speed benches/speed.rs)
echo "rustc runs with panic=abort: program $program, benchmark $bench"
[ -n "$(runs speed benches/speed.rs)" ] || { echo "changed: the benchmark is compiled in another way"; exit 1; }
[ "$program" -ge 1 ] && [ "$bench" -eq 0 ] || { echo "changed: the setting has one meaning for both"; exit 1; }
echo "as described: the program of the benchmark aborts on panic, although the setting is called ignored"
