#!/usr/bin/env bash
# Guess: a counting allocator (peak_alloc, or allocation-counter in the dependency tree) measures the memory that the
#        program needs and leaves it alone: it forwards to the system allocator.
# Seen:  neither forwards `realloc` and `alloc_zeroed`. One leaves them to the default methods of GlobalAlloc and the other
#        has its own that do the same: growing a vector allocates, copies and frees, and zeroed memory is written byte by
#        byte. The peak shows old and new block together
#        (129 MB for a vector that grows from 64 to 65), and 200 MB of untouched zeroes become resident. allocation-counter
#        does so in the whole program, outside its measurements too, since it installs its allocator by being linked.
# Matters: the tool causes the peak that it reports, and changes timings and the resident size of what is measured.
# Version: peak_alloc 0.3.0, allocation-counter 0.8.1, rustc 1.95.0, Linux.
# Source: both crates' code; std documents the default methods. Neither crate's documentation mentions it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTUP_TOOLCHAIN=1.95.0 CARGO_HOME="$work/cargo"
mkdir -p "$work/peak/src"
cd "$work/peak"
cat > Cargo.toml <<'TOML'
[package]
name = "peak"
version = "0.1.0"
edition = "2021"
[dependencies]
peak_alloc = { version = "=0.3.0", optional = true }
allocation-counter = { version = "=0.8.1", optional = true }
TOML
cat > src/main.rs <<'RS'
#[cfg(feature = "peak_alloc")]
#[global_allocator]
static PEAK: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// The highest resident size so far, in MB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

fn main() {
    let zeroes = std::hint::black_box(vec![0u8; 200 << 20]);
    println!("resident_after_200_mb_of_zeroes {}", resident());
    drop(zeroes);
    let grow = || {
        let mut v: Vec<u8> = Vec::with_capacity(64 << 20);
        v.reserve_exact(std::hint::black_box(65 << 20));
        std::hint::black_box(&v);
    };
    #[cfg(feature = "peak_alloc")]
    PEAK.reset_peak_usage();
    #[cfg(not(feature = "allocation-counter"))]
    grow();
    #[cfg(feature = "peak_alloc")]
    println!("peak_of_growth {}", PEAK.peak_usage_as_mb() as usize);
    #[cfg(feature = "allocation-counter")]
    println!("peak_of_growth {}", allocation_counter::measure(grow).bytes_max >> 20);
}
RS
for features in none peak_alloc allocation-counter; do
    cargo run -q --features "${features/none/}" > $features.log
    echo "$features: $(tr '\n' ' ' < $features.log)"
done
value() { awk -v k="$2" '$1 == k { print $2 }' "$1.log"; }
[ "$(value none resident_after_200_mb_of_zeroes)" -lt 50 ] || { echo "changed: the plain program touches the zeroes"; exit 1; }
for crate in peak_alloc allocation-counter; do
    [ "$(value $crate resident_after_200_mb_of_zeroes)" -ge 200 ] || { echo "changed: $crate forwards alloc_zeroed"; exit 1; }
    [ "$(value $crate peak_of_growth)" -ge 128 ] || { echo "changed: $crate forwards realloc"; exit 1; }
done
echo "as described: both crates cause the peaks that they report"
