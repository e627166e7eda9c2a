//! `asm` on a program that is compiled, run and recorded here, against independent witnesses:
//! `objdump -d` for the instructions and `perf annotate` for the samples on each.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod by_hand;
mod loops;

use cargo_hotspots::{
    analysis::asm::{
        Query, SourceRoots, asm,
        model::{Asm, Lead, MarkKind, Row},
    },
    perf_data,
    profile::Profile,
    symbolize::symbolize,
    symbols::Symbols,
};
use codecost::{attribution::Catalogue, disasm::Syntax};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The program of `fixtures/hot.rs`, recorded.
struct Recorded {
    directory: tempfile::TempDir,
    profile: Profile,
    symbols: Symbols,
}

impl Recorded {
    fn data(&self) -> PathBuf {
        self.directory.path().join("perf.data")
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("hot")
    }

    fn asm(&self, name: &str) -> Asm {
        asm(&self.profile, &self.symbols, &Query::of(name)).unwrap()
    }
}

fn recorded() -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("hot");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hot.rs");
        let mut rustc = Command::new("rustc");
        rustc.args([
            "-O",
            "-g",
            "--edition",
            "2024",
            "-C",
            "symbol-mangling-version=v0",
        ]);
        run(rustc.arg(source).arg("-o").arg(&program));
        let data = directory.path().join("perf.data");
        let mut perf = Command::new("perf");
        perf.args(["record", "-q", "-e", "cpu-clock:u", "-F", "1999", "-o"]);
        run(perf.arg(&data).arg(&program));
        let profile = perf_data::read(&data, &[], false).unwrap();
        let symbols = symbolize(&profile, &Catalogue::empty());
        Recorded {
            directory,
            profile,
            symbols,
        }
    })
}

/// These tests need `perf`, `objdump` and `rustc`; CI has them, so that nothing is skipped there.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Address, length and mnemonic of all instructions between two addresses, by objdump.
fn objdump(program: &Path, start: u64, end: u64) -> Vec<(u64, usize, String)> {
    let text = run(Command::new("objdump")
        .args(["-d", "-M", "intel", "-w", "--insn-width=16"])
        .arg(format!("--start-address={start:#x}"))
        .arg(format!("--stop-address={end:#x}"))
        .arg(program));
    let instruction = |line: &str| {
        let (address, rest) = line.split_once(":\t")?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        let (bytes, text) = rest.split_once('\t')?;
        let prefixes = [
            "lock", "rep", "repz", "repnz", "notrack", "bnd", "data16", "cs",
        ];
        let mut words = text.split_whitespace();
        let mnemonic = words
            .find(|word| !prefixes.contains(word))
            .unwrap_or_default();
        Some((
            address,
            bytes.split_whitespace().count(),
            mnemonic.to_owned(),
        ))
    };
    text.lines().filter_map(instruction).collect()
}

/// Two spellings of one instruction.
fn spelled(mnemonic: &str) -> &str {
    match mnemonic {
        "movabs" => "mov",
        // xchg ax,ax
        "xchg" => "nop",
        mnemonic => mnemonic,
    }
}

#[test]
fn instructions_are_those_of_objdump() {
    let recorded = recorded();
    let mut compared = 0;
    for name in [
        "hot::checked",
        "hot::divides",
        "hot::locks",
        "hot::packs",
        "hot::interprets",
        "hot::generic::<u32>",
        "hot::calls",
        "hot::main",
    ] {
        let found = recorded.asm(name);
        let [part] = &found.parts[..] else {
            panic!("{name}: {:?}", found.parts)
        };
        let theirs: Vec<_> = part
            .ranges
            .iter()
            .flat_map(|range| {
                let addresses = range.addresses;
                objdump(&recorded.program(), addresses.start.0, addresses.end().0)
            })
            .collect();
        let theirs: Vec<_> = theirs
            .iter()
            .map(|(address, length, mnemonic)| (*address, *length, spelled(mnemonic)))
            .collect();
        let prefixes = ["lock", "rep", "repe", "repne", "notrack", "bnd"];
        let ours: Vec<_> = found
            .rows
            .iter()
            .map(|row| {
                let mut words = row.text.split_whitespace();
                let word = words.find(|word| !prefixes.contains(word)).unwrap();
                (row.address.0, usize::from(row.length), spelled(word))
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
        compared += ours.len();
    }
    assert!(compared > 500, "{compared}");
}

/// Samples by address as `perf annotate` has them, for one function by its mangled name.
fn annotated(data: &Path, symbol: &str) -> BTreeMap<u64, u64> {
    let text = run(Command::new("perf")
        .args([
            "annotate",
            "--stdio",
            "-n",
            "--asm-raw",
            "--no-source",
            "-i",
        ])
        .arg(data)
        .args(["-s", symbol]));
    let sample = |line: &str| {
        let (samples, rest) = line.split_once(':')?;
        let address = rest.split_once(':')?.0;
        let samples = samples.trim().parse().ok()?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        (samples > 0).then_some((address, samples))
    };
    text.lines().filter_map(sample).collect()
}

#[test]
fn samples_are_those_of_perf_annotate() {
    let recorded = recorded();
    for name in [
        "hot::checked",
        "hot::divides",
        "hot::locks",
        "hot::first_caller",
    ] {
        let found = recorded.asm(name);
        let theirs = annotated(&recorded.data(), name);
        assert!(!theirs.is_empty(), "perf annotate says nothing of {name}");
        let ours: BTreeMap<u64, u64> = found
            .rows
            .iter()
            .filter(|row| row.own.samples > 0)
            .map(|row| (row.address.0, row.own.samples))
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn shares_are_of_the_whole_recording() {
    let recorded = recorded();
    let found = recorded.asm("hot::locks");
    let rows: u64 = found.rows.iter().map(|row| row.own.period).sum();
    assert_eq!(rows, found.own.period);
    let ranges: u64 = found
        .parts
        .iter()
        .flat_map(|part| &part.ranges)
        .map(|range| range.own.period)
        .sum();
    assert_eq!(ranges, found.own.period);
    assert_eq!(found.total.period, recorded.profile.period);
    assert!(found.own.samples > 0 && found.own.samples < found.total.samples);
}

fn marks(found: &Asm, kind: MarkKind) -> Vec<(&Row, u32)> {
    let of_kind = |row: &'_ Row| {
        let mark = row.marks.iter().find(|mark| mark.kind == kind)?;
        Some(mark.line.unwrap_or_default())
    };
    found
        .rows
        .iter()
        .filter_map(|row| Some((row, of_kind(row)?)))
        .collect()
}

/// The line of the fixture that holds `text`.
fn line(text: &str) -> u32 {
    let source = include_str!("../fixtures/hot.rs");
    let found = source.lines().position(|line| line.contains(text));
    found.unwrap() as u32 + 1
}

#[test]
fn a_bounds_check_in_a_nested_loop() {
    let found = recorded().asm("checked");
    let checks = marks(&found, MarkKind::BoundsCheck);
    assert!(!checks.is_empty());
    for (row, at) in &checks {
        assert_eq!(*at, line("sum.wrapping_add(values[*index])"));
        assert!(row.text.starts_with('j'), "{}", row.text);
        let around = &found.loops[row.innermost.expect("in a loop")];
        assert_eq!(around.depth, 2, "{:?}", found.loops);
    }
    // The inner loop has nearly all, the outer one includes it.
    let inner = found.loops.iter().filter(|row| row.depth == 2);
    let inner = inner.max_by_key(|row| row.own.period).unwrap();
    assert!(inner.own.share_of(found.own) > 0.8, "{inner:?}");
    let outer = &found.loops[inner.parent.unwrap()];
    assert!(outer.own.period >= inner.own.period && outer.depth == 1);
    let counted = inner
        .marks
        .iter()
        .find(|(kind, _)| *kind == MarkKind::BoundsCheck);
    assert!(counted.is_some());
    // And the function that panics is named.
    let names: Vec<_> = found
        .rows
        .iter()
        .filter_map(|row| row.target.clone())
        .collect();
    assert!(
        names.contains(&Lead::Named("core::panicking::panic_bounds_check".into())),
        "{names:?}"
    );
}

#[test]
fn divisions_roots_locks_and_vectors() {
    let recorded = recorded();
    let found = recorded.asm("divides");
    assert!(
        marks(&found, MarkKind::Division)
            .iter()
            .any(|(_, at)| *at == line("value / by"))
    );
    assert!(!marks(&found, MarkKind::SquareRoot).is_empty());
    let checks = marks(&found, MarkKind::Check);
    assert!(!checks.is_empty(), "division by zero is checked");
    let found = recorded.asm("locks");
    let locked = marks(&found, MarkKind::Locked);
    assert!(locked.iter().all(|(row, _)| row.innermost.is_some()) && !locked.is_empty());
    let found = recorded.asm("packs");
    let packed = marks(&found, MarkKind::Packed);
    assert!(
        packed.iter().any(|(row, _)| row.text.starts_with("mulps")),
        "{packed:?}"
    );
    assert!(
        found
            .rows
            .iter()
            .all(|row| row.marks.iter().all(|m| m.kind != MarkKind::Division))
    );
}

#[test]
fn a_loop_through_a_jump_table_is_found() {
    let found = recorded().asm("interprets");
    assert!(
        found.rows.iter().any(|row| row.text.starts_with("jmp r")),
        "no jump table?"
    );
    assert_eq!(found.parts[0].unresolved, 0);
    let inner = found.loops.iter().max_by_key(|row| row.depth).unwrap();
    assert_eq!(inner.depth, 2);
    assert!(inner.own.share_of(found.own) > 0.9, "{:?}", found.loops);
}

#[test]
fn calls_are_named_through_slots_and_symbols() {
    let found = recorded().asm("hot::calls");
    let named = |wanted: &str| {
        let mut rows = found.rows.iter();
        rows.any(|row| matches!(&row.target, Some(Lead::Named(name)) if name.contains(wanted)))
    };
    assert!(named("memcpy"), "through a slot that the loader fills");
    assert!(named("__rust_alloc"));
    assert!(named("alloc::fmt::format::format_inner"));
    assert!(found.rows.iter().any(
        |row| row.text.starts_with("call [rip") || row.text.starts_with("call qword ptr [rip")
    ));
    for kind in [
        MarkKind::Memory,
        MarkKind::Allocation,
        MarkKind::Clone,
        MarkKind::Formatting,
    ] {
        assert!(!marks(&found, kind).is_empty(), "{kind:?}");
    }
    // Each call of the function is either named or said to be indirect.
    for row in found.rows.iter().filter(|row| row.text.starts_with("call")) {
        let indirect = row
            .marks
            .iter()
            .any(|mark| mark.kind == MarkKind::IndirectCall);
        assert!(row.target.is_some() || indirect, "{row:?}");
    }
}

#[test]
fn a_function_that_was_inlined_answers_with_where_it_went() {
    let recorded = recorded();
    let found = recorded.asm("inlined");
    assert_eq!(found.function, "hot::inlined");
    let into: Vec<_> = found
        .callers_if_inlined
        .iter()
        .map(|caller| caller.function.as_str())
        .collect();
    assert_eq!(into[..2], ["hot::first_caller", "hot::second_caller"]);
    // Three times the work, three times the samples, more or less.
    let [first, second] = [0, 1].map(|at| found.callers_if_inlined[at].own.samples as f64);
    assert!((1.8..5.0).contains(&(first / second)), "{first} {second}");
    assert!(found.parts.iter().all(|part| part.inlined));
    assert!(
        found
            .rows
            .iter()
            .all(|row| row.inlined.iter().any(|name| name == "hot::inlined"))
    );
    let sum: u64 = found.parts.iter().map(|part| part.own.period).sum();
    let shown: u64 = found
        .callers_if_inlined
        .iter()
        .filter(|c| c.shown)
        .map(|c| c.own.period)
        .sum();
    assert_eq!(sum, shown, "rows and chains agree");
    // The caller itself has those instructions too, and more.
    let caller = recorded.asm("first_caller");
    assert!(caller.rows.len() > found.rows.iter().filter(|row| row.part == 0).count());
}

#[test]
fn copies_of_a_generic_function_are_shown_hottest_first() {
    let recorded = recorded();
    let found = recorded.asm("generic");
    let parts: Vec<_> = found
        .parts
        .iter()
        .map(|part| part.function.as_str())
        .collect();
    assert_eq!(parts, ["hot::generic::<u32>", "hot::generic::<u64>"]);
    assert!(found.parts[0].own.period > found.parts[1].own.period);
    let one = recorded.asm("hot::generic::<u64>");
    assert_eq!(one.parts.len(), 1);
    assert_eq!(one.other_copies[0].function, "hot::generic::<u32>");
}

#[test]
fn an_ambiguous_name_lists_its_candidates() {
    let recorded = recorded();
    let error = asm(&recorded.profile, &recorded.symbols, &Query::of("same")).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let hint = error.hint().unwrap();
    assert!(hint.contains("cargo hotspots asm hot::one::same"), "{hint}");
    assert!(hint.contains("cargo hotspots asm hot::two::same"), "{hint}");
    assert!(hint.contains('%'), "{hint}");
    let error = asm(
        &recorded.profile,
        &recorded.symbols,
        &Query::of("there_is_no_such"),
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn source_lines_stand_beside_and_missing_ones_are_said_once() {
    let recorded = recorded();
    let query = Query {
        roots: SourceRoots::none(),
        syntax: Syntax::Att,
        ..Query::of("checked")
    };
    let found = asm(&recorded.profile, &recorded.symbols, &query).unwrap();
    let texts: Vec<_> = found
        .source
        .iter()
        .map(|source| source.text.as_str())
        .collect();
    assert!(
        texts.contains(&"sum = sum.wrapping_add(values[*index]);"),
        "{texts:?}"
    );
    let std = found
        .warnings
        .iter()
        .filter(|warning| warning.code == "no-std-source");
    assert_eq!(std.count(), 1);
    assert!(found.rows.iter().any(|row| row.text.contains("%r")), "AT&T");
}
