#!/usr/bin/env bash
# Guess: instruction counts by valgrind (callgrind, cachegrind, and the benchmark harnesses built on them) are those of the code
#        that runs without it: the binary is the same, and the count does not depend on the machine.
# Seen:  valgrind's processor answers CPUID for itself. It has AVX2 and none of AVX-512, SHA and GFNI, so a program that asks
#        for features when it starts takes other functions: `is_x86_feature_detected!("sha")` is false there and true beside it.
# Matters: hashes, checksums, searches and parsers choose so. Their counts are of the portable code, which for a
#        hash was over ten times as many instructions, and a change to the code that users run does not move them.
# Version: valgrind 3.19 (Debian 1:3.19.0-1), rustc 1.95.0. On a processor without these features there is nothing to see.
# Source: observation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root -qq download valgrind=1:3.19.0-1
dpkg -x valgrind_*.deb root
libexec=$(dirname "$(find root -name 'none-amd64-linux')")
cat > main.rs <<'END'
fn main() {
    for (name, there) in [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("gfni", is_x86_feature_detected!("gfni")),
    ] {
        println!("{name} {there}");
    }
}
END
rustc +1.95.0 -O main.rs
./main > alone
VALGRIND_LIB=$libexec root/usr/bin/valgrind --tool=none --quiet ./main > simulated
paste -d ' ' alone simulated | while read -r name alone _ simulated; do
    echo "$name: $alone on this processor, $simulated on valgrind's"
done
grep -qx 'sha true' alone || grep -qx 'avx512f true' alone || { echo "this processor has neither: nothing to see"; exit 0; }
for feature in sha avx512f gfni; do
    grep -qx "$feature false" simulated || { echo "changed: valgrind's processor has $feature"; exit 1; }
done
echo "as described: the same program takes other code there"
