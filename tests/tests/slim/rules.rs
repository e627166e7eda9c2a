//! How often what is inferred of stripped files is right, against their twins with symbols. The tables of
//! `docs/slim.md` are what these tests print.
//!
//! A rule speaks on a format and an architecture only where it is right for at least nine tenths of the
//! bytes that it names there; where it falls under that, a test here fails.

use crate::stripped::{Twins, alone, copied, in_package};
use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::llvm;
use integration_tests::npm;
use integration_tests::published::{B3SUM, HYPERFINE, RIPGREP, V0};
use integration_tests::tool::{Report, number, text};
use integration_tests::wheels::{MODULES, Platform, unpacked_for};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

/// Functions and bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    functions: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.functions += other.functions;
        self.bytes += other.bytes;
    }

    fn one(bytes: u64) -> Self {
        let functions = 1;
        Self { functions, bytes }
    }

    /// The shares in `whole`, in percent: of functions, and of bytes.
    fn of(self, whole: Self) -> [f64; 2] {
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        [
            share(self.functions, whole.functions),
            share(self.bytes, whole.bytes),
        ]
    }
}

/// What one rule named, and what of that is right.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    named: Count,
    right: Count,
}

impl Rule {
    fn add(&mut self, other: Self) {
        self.named.add(other.named);
        self.right.add(other.right);
    }
}

/// What is measured of functions' names, among the rules.
const NAMES: &str = "(names)";

/// By rule; all code under the empty name.
#[derive(Default)]
struct Rules(BTreeMap<String, Rule>);

impl Rules {
    fn of(&mut self, name: &str) -> &mut Rule {
        self.0.entry(name.to_owned()).or_default()
    }

    fn add(&mut self, other: &Self) {
        for (name, rule) in &other.0 {
            self.of(name).add(*rule);
        }
    }

    fn code(&self) -> Count {
        self.0.get("").copied().unwrap_or_default().named
    }

    fn all(&self) -> impl Iterator<Item = (&str, Rule)> {
        let all = self.0.iter().filter(|(name, _)| !name.is_empty());
        all.map(|(name, rule)| (name.as_str(), *rule))
    }

    fn print(&self, program: &str) {
        for (name, rule) in self.all() {
            let [functions, bytes] = rule.right.of(rule.named);
            let [_, named] = rule.named.of(self.code());
            println!("{program:22} {name:15} {named:6.1} % {bytes:6.1} % {functions:6.1} %");
        }
    }

    /// Each rule is right often enough, and together they name more than `least` percent.
    fn hold(&self, program: &str, least: f64) {
        self.print(program);
        let mut named = Count::default();
        for (name, rule) in self.all() {
            let [_, bytes] = rule.right.of(rule.named);
            if name != NAMES {
                named.add(rule.named);
            }
            let least = match name {
                "signature" | "callee" | NAMES => 99.0,
                _ => 90.0,
            };
            assert!(
                bytes >= least,
                "{program}: {name} is right for {bytes} % of the bytes that it names"
            );
        }
        let [_, share] = named.of(self.code());
        assert!(share > least, "{program}: {share} % of the code is named");
    }
}

/// Whether two rows are of one crate.
fn same_crate(inferred: &Value, truth: &Value) -> bool {
    let versions = [inferred, truth].map(|row| row["version"].as_str());
    if let [Some(one), Some(other)] = versions
        && one != other
    {
        return false;
    }
    let (inferred, truth) = (text(inferred, "crate"), text(truth, "crate"));
    match inferred {
        // What no list says of a dependency: how its library is called.
        "rustls_webpki" => truth == "webpki",
        // Two packages: `hf-xet`, whose library is `xet`, and `hf_xet`.
        "hf_xet" => truth == "hf_xet" || truth == "xet",
        _ => inferred == truth,
    }
}

/// A bucket with the name of a directory says that all in it is of one crate, whichever: the one that has
/// the most of its bytes.
///
/// Of a module so is the crate that is called after the file: `plugin` is no better a name.
struct Directories(HashMap<String, String>);

impl Directories {
    fn new(found: &Report, truth: &HashMap<u64, &Value>, file: &Path) -> Self {
        let stem = file.file_stem().unwrap().to_string_lossy();
        let stem = match file.extension() {
            Some(ending) if ending == "wasm" => stem.strip_suffix("_bg").unwrap_or(&stem),
            _ => "",
        };
        let mut bytes: HashMap<String, BTreeMap<&str, u64>> = HashMap::new();
        for row in found.rows() {
            let name = text(row, "crate");
            if let (true, Some(known)) = (
                name.ends_with("/]") || name == stem,
                truth.get(&number(row, "address")),
            ) {
                let crates = bytes.entry(name.to_owned()).or_default();
                *crates.entry(text(known, "crate")).or_default() += number(row, "file");
            }
        }
        let largest = |crates: BTreeMap<&str, u64>| {
            let largest = crates.into_iter().max_by_key(|(_, bytes)| *bytes);
            largest.map_or(String::new(), |(name, _)| name.to_owned())
        };
        Self(
            bytes
                .into_iter()
                .map(|(name, crates)| (name, largest(crates)))
                .collect(),
        )
    }

    fn is_right(&self, row: &Value, known: &Value) -> bool {
        match self.0.get(text(row, "crate")) {
            Some(name) => name == text(known, "crate"),
            None => same_crate(row, known),
        }
    }
}

fn functions(file: &Path) -> Report {
    slim().view(&["functions", "-n", "0"], file)
}

fn measured(twins: &Twins) -> Rules {
    let truth = functions(&twins.whole);
    let truth: HashMap<u64, &Value> = truth
        .rows()
        .iter()
        .map(|row| (number(row, "address"), row))
        .collect();
    let found = functions(&twins.stripped);
    let directories = Directories::new(&found, &truth, &twins.stripped);
    let mut rules = Rules::default();
    for row in found.rows() {
        let count = Count::one(number(row, "file"));
        rules.of("").named.add(count);
        let Some(rule) = row.get("inferred_by").and_then(Value::as_str) else {
            continue;
        };
        assert_eq!(text(row, "evidence"), "inferred", "{row}");
        let Some(known) = truth.get(&number(row, "address")) else {
            continue;
        };
        let rule = rules.of(rule);
        rule.named.add(count);
        if directories.is_right(row, known) {
            rule.right.add(count);
        }
        if row["symbol"]
            .as_str()
            .is_some_and(|symbol| !symbol.is_empty())
        {
            let names = rules.of(NAMES);
            names.named.add(count);
            // Equal functions are one, under several names.
            let mut aliases = known["aliases"].as_array().into_iter().flatten();
            let same = row["name"] == known["name"] || aliases.any(|it| *it == row["symbol"]);
            if same {
                names.right.add(count);
            }
        }
    }
    rules
}

fn sum(twins: impl IntoIterator<Item = Twins>) -> Rules {
    println!(
        "program, rule: share of the code named, bytes of that right, functions of that right"
    );
    let mut sums = Rules::default();
    for twins in twins {
        let rules = measured(&twins);
        rules.print(twins.name);
        sums.add(&rules);
    }
    sums
}

/// Five programs as their publishers released them, by compilers that are not here.
#[test]
fn rules_are_right_on_released_modules() {
    let released = MODULES.map(|(package, module)| in_package(package, module));
    // 17.4 % are named.
    sum(released).hold("released", 17.0);
}

/// Three programs of this toolchain, without link-time optimisation: copies of generic functions stand
/// among the functions of the crates that use them.
#[test]
fn rules_are_right_on_programs_of_this_toolchain() {
    let own = [
        ("b3sum", B3SUM),
        ("hyperfine", HYPERFINE),
        ("ripgrep", RIPGREP),
    ];
    let own = own.map(|(name, program)| alone(name, program.build(V0, cache()).file));
    // 39.4 % are named.
    sum(own).hold("own", 38.0);
}

/// The same four modules, none of which was looked at when the rules were chosen, on each platform.
fn on(platform: Platform, least: f64) -> Rules {
    let strip = |whole: &Path, stripped: &Path| {
        // What rustc has done for `strip = "symbols"`: of a library on macOS the local symbols go.
        let which = match platform {
            Platform::MacArm | Platform::MacX86 => "-x",
            Platform::LinuxArm | Platform::LinuxX86 => "-s",
        };
        let mut tool = command(llvm::tool("llvm-strip", cache()));
        succeed(tool.arg(which).arg(whole).arg("-o").arg(stripped));
    };
    let twins = platform.modules().map(|(package, module)| {
        let directory = unpacked_for(platform, package, cache());
        copied(package, &directory, &module, strip)
    });
    let rules = sum(twins);
    rules.hold(&format!("{platform:?}"), least);
    rules
}

#[test]
fn rules_are_right_on_mac_os() {
    for platform in [Platform::MacArm, Platform::MacX86] {
        let rules = on(platform, 23.0);
        let names: Vec<&str> = rules.all().map(|(name, _)| name).collect();
        // The others need the toolchain's libraries for that platform, and are not measured.
        assert_eq!(names, ["neighbour", "panic-location"], "{platform:?}");
    }
}

#[test]
fn rules_are_right_on_linux() {
    let rules = on(Platform::LinuxArm, 23.0);
    let names: Vec<&str> = rules.all().map(|(name, _)| name).collect();
    assert_eq!(names, ["neighbour", "panic-location"]);
    on(Platform::LinuxX86, 23.0);
}

/// The program of `tests/fixtures/located` for Windows: no release there has symbols, so the truth is the
/// list of procedures that LLVM's tool read from the PDB when it was made. Of several procedures that
/// the linker folded into one place any is right.
#[test]
fn rules_are_right_on_windows() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/located");
    let list = fs::read_to_string(fixture.join("located.txt")).unwrap();
    let mut truth: HashMap<u64, BTreeSet<&str>> = HashMap::new();
    for line in list.lines() {
        let [at, _, name] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        truth.entry(at.parse().unwrap()).or_default().insert(name);
    }
    // Nothing beside it: with the PDB there, nothing would be inferred.
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("located.exe");
    fs::copy(fixture.join("located.exe"), &file).unwrap();
    let mut rules = Rules::default();
    for row in functions(&file).rows() {
        let count = Count::one(number(row, "file"));
        rules.of("").named.add(count);
        // Counted from the start of the only section of code.
        let known = truth.get(&(number(row, "address") - 0x1_4000_1000));
        let (Some(rule), Some(known)) = (row.get("inferred_by").and_then(Value::as_str), known)
        else {
            continue;
        };
        let rule = rules.of(rule);
        rule.named.add(count);
        if known.contains(text(row, "crate")) {
            rule.right.add(count);
        }
    }
    // 21.4 % are named.
    rules.hold("Windows", 20.0);
    let names: Vec<&str> = rules.all().map(|(name, _)| name).collect();
    assert_eq!(names, ["neighbour", "panic-location"]);
    // The program's own crate, which its file is called after, and its two others.
    let found = functions(&file);
    for name in ["alpha", "beta", "located"] {
        assert!(!found.rows_where("crate", name).is_empty(), "{name}");
    }
}

/// Modules as their publishers released them: half of them as wasm-ld wrote them, the others after an
/// optimiser. None but automerge's, Prisma's and the one for TOML was looked at when the rule was chosen.
#[test]
fn rules_are_right_on_web_assembly() {
    let twins = npm::MODULES.map(|(package, _)| {
        let whole = npm::module(package, cache());
        let place = tempfile::tempdir().unwrap();
        let stripped = place.path().join(whole.file_name().unwrap());
        fs::write(&stripped, without_names(&fs::read(&whole).unwrap())).unwrap();
        Twins::new(package, whole, stripped, place)
    });
    let rules = sum(twins);
    // 14.5 % are named.
    rules.hold("WebAssembly", 13.5);
    let names: Vec<&str> = rules.all().map(|(name, _)| name).collect();
    assert_eq!(names, ["panic-location"]);
}

/// A module without its section of names. (LLVM's tool refuses some that were optimised.)
fn without_names(module: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let bytes = &module[at..];
        let length = bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
        let digits = bytes[..length].iter().rev();
        let value = digits.fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        (value, at + length)
    };
    let mut kept = module[..8].to_vec();
    let mut at = 8;
    while at < module.len() {
        let (size, content) = number(at + 1);
        let end = content + size;
        if !(module[at] == 0 && module[content..].starts_with(b"\x04name")) {
            kept.extend(&module[at..end]);
        }
        at = end;
    }
    assert!(kept.len() < module.len());
    kept
}
