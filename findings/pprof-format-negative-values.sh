#!/usr/bin/env bash
# Guess: a pprof profile with negative values, as a comparison of two profiles has them, survives pprof-format's encode and
#        decode: the fields are int64.
# Seen:  the bytes are right, but the decoder reads the varint as unsigned: -5 comes back as 18446744073709551611. The
#        line number -1 does too.
# Matters: what became cheaper in a differential profile is shown as the costliest entry by far, and sums overflow.
# Version: pprof-format 2.3.2 (npm).
# Source: none found; profile.proto declares `repeated int64 value`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit --prefix "$work" pprof-format@2.3.2
cat > try.js <<'JS'
const { Profile, StringTable, ValueType, Sample, Location, Line, Function } = require("pprof-format");
const names = new StringTable();
const profile = new Profile({
  sampleType: [new ValueType({ type: names.dedup("cpu"), unit: names.dedup("nanoseconds") })],
  sample: [new Sample({ locationId: [1], value: [-5] }), new Sample({ locationId: [1], value: [7] })],
  location: [new Location({ id: 1, line: [new Line({ functionId: 1, line: -1 })] })],
  function: [new Function({ id: 1, name: names.dedup("work") })],
  stringTable: names,
});
const bytes = profile.encode();
const hex = Buffer.from(bytes).toString("hex");
const back = Profile.decode(bytes);
const values = back.sample.map(s => BigInt(s.value[0]));
console.log("values written -5 and 7, read", values.join(" and "), "- line written -1, read", String(back.location[0].line[0].line));
// -5 as a 64-bit varint, as protobuf wants it.
if (!hex.includes("fbffffffffffffffff01")) throw "changed: the encoder";
if (values[0] !== 2n ** 64n - 5n || values[1] !== 7n) throw "changed: the decoder";
if (BigInt.asIntN(64, values[0]) !== -5n) throw "changed: the value cannot be recovered";
JS
node try.js || exit 1
echo "as described: the saving became the largest value"
