//! `asm` on a program that is compiled, run and recorded here, against independent witnesses:
//! `objdump -d` for the instructions and `perf annotate` for the samples on each.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

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
use codecost::{address::VirtualAddress, attribution::Catalogue, disasm::Syntax};
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
    let source = include_str!("fixtures/hot.rs");
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

/// A recording of one sample at the start of a symbol of `program`, made by hand.
fn one_sample(program: &Path, symbol: &str) -> Profile {
    use cargo_hotspots::profile::{
        Count, Frame, FrameId, Module, ModuleId, ModuleKind, Place, StackId, StackNode, ThreadId,
    };
    use codecost::image::Mapping;
    let address = nm(program)
        .into_iter()
        .find(|(name, ..)| name == symbol)
        .map_or(0, |(_, address, _)| address);
    Profile {
        event: "cycles:pp".into(),
        samples: 1,
        period: 1,
        modules: vec![Module {
            name: program.display().to_string(),
            kind: ModuleKind::File,
            build_id: None,
            file: Some(Mapping::open(program).unwrap()),
            problem: None,
        }],
        frames: vec![Frame {
            module: ModuleId(0),
            place: Place::Code(VirtualAddress(address)),
        }],
        stacks: vec![StackNode {
            caller: None,
            frame: FrameId(0),
        }],
        counts: vec![Count {
            thread: ThreadId(0),
            stack: StackId(0),
            samples: 1,
            period: 1,
            ..Count::default()
        }],
        ..Profile::default()
    }
}

/// Name, address and size of all symbols.
fn nm(program: &Path) -> Vec<(String, u64, u64)> {
    let text = run(Command::new("nm").arg("-S").arg(program));
    let symbol = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [address, size, _, name] = words[..] else {
            return None;
        };
        let number = |word| u64::from_str_radix(word, 16).ok();
        Some((name.to_owned(), number(address)?, number(size)?))
    };
    text.lines().filter_map(symbol).collect()
}

#[test]
fn a_function_that_was_split_is_shown_with_its_cold_part() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("split.c");
    let code = "void __attribute__((cold, noinline)) rare(int n) { __asm__ volatile(\"\" :: \"r\"(n)); }\n\
        int __attribute__((noinline)) often(int *p, int n) {\n\
        int sum = 0;\n\
        for (int i = 0; i < n; i++) { if (__builtin_expect(p[i] < 0, 0)) { rare(i); rare(sum); sum -= 7; } sum += p[i]; }\n\
        return sum; }\n\
        int main(int c, char **v) { return often((int *)v, c); }\n";
    std::fs::write(&source, code).unwrap();
    let program = directory.path().join("split");
    run(Command::new("gcc")
        .args(["-O2", "-g", "-freorder-blocks-and-partition"])
        .arg(&source)
        .arg("-o")
        .arg(&program));
    let symbols = nm(&program);
    let extent = |wanted: &str| {
        let found = symbols.iter().find(|(name, ..)| name == wanted);
        let (_, address, size) = found.unwrap_or_else(|| panic!("{wanted} in {symbols:?}"));
        (*address, address + size)
    };
    let mut expected = vec![(extent("often"), false), (extent("often.cold"), true)];
    expected.sort_unstable();
    let profile = one_sample(&program, "often");
    let found = asm(&profile, &Symbols::default(), &Query::of("often")).unwrap();
    let ranges: Vec<_> = found.parts[0]
        .ranges
        .iter()
        .map(|range| {
            let addresses = range.addresses;
            ((addresses.start.0, addresses.end().0), range.cold)
        })
        .collect();
    assert_eq!(ranges, expected);
    // The jump to the cold part is inside the function.
    let cold = extent("often.cold").0;
    assert!(
        found
            .rows
            .iter()
            .any(|row| row.target == Some(Lead::Inside(VirtualAddress(cold)))),
        "{:?}",
        found.rows
    );
    assert!(found.precise && !found.warnings.iter().any(|warning| warning.code == "skid"));
    // Views show the cold part as a row of its own; by that name it is the same function.
    let by_part = asm(&profile, &Symbols::default(), &Query::of("often [cold]")).unwrap();
    assert_eq!(by_part.function, "often");
    assert_eq!(by_part.rows.len(), found.rows.len());
    // The cold part's own symbol is no function.
    let error = asm(&profile, &Symbols::default(), &Query::of("often.cold")).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

/// As `msort_with_tmp` of glibc: GCC inlined its first lines everywhere and kept the rest.
#[test]
fn a_piece_of_a_function_that_is_not_there_is_found_without_samples() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("piece.s");
    let code = ".text\n.globl main\n.type main, @function\n\
        main: call sorted.part.0\n ret\n.size main, . - main\n\
        .type sorted.part.0, @function\n\
        sorted.part.0: nop\n ret\n.size sorted.part.0, . - sorted.part.0\n\
        .section .note.GNU-stack,\"\",@progbits\n";
    std::fs::write(&source, code).unwrap();
    let program = directory.path().join("piece");
    run(Command::new("gcc").arg(&source).arg("-o").arg(&program));
    let profile = one_sample(&program, "main");
    for name in ["sorted [outlined]", "sorted"] {
        let found = asm(&profile, &Symbols::default(), &Query::of(name)).unwrap();
        assert_eq!(found.function, "sorted [outlined]", "{name}");
        assert_eq!(found.rows.len(), 2, "{name}");
    }
}

#[test]
fn another_processor_is_refused_with_a_way_round() {
    let recorded = recorded();
    let mut bytes = std::fs::read(recorded.program()).unwrap();
    // e_machine: RISC-V.
    bytes[18] = 243;
    let copy = recorded.directory.path().join("riscv");
    std::fs::write(&copy, bytes).unwrap();
    let profile = one_sample(&copy, "");
    let error = asm(&profile, &Symbols::default(), &Query::of("hot::locks")).unwrap_err();
    assert_eq!(error.exit_code(), 101);
    assert!(error.to_string().contains("riscv64"), "{error}");
    assert!(error.hint().unwrap().contains("cargo hotspots lines"));
}

#[test]
fn damaged_programs_do_not_panic() {
    let recorded = recorded();
    let bytes = std::fs::read(recorded.program()).unwrap();
    let copy = recorded.directory.path().join("damaged");
    let symbol = nm(&recorded.program())
        .into_iter()
        .find(|(name, ..)| name.contains("hot7checked"))
        .unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut answers = 0;
    for round in 0..24 {
        let mut damaged = bytes.clone();
        for _ in 0..200 {
            let at = (next() % damaged.len() as u64) as usize;
            damaged[at] = next() as u8;
        }
        if round % 4 == 0 {
            damaged.truncate((next() % bytes.len() as u64) as usize);
        }
        std::fs::write(&copy, &damaged).unwrap();
        let mut profile = one_sample(&recorded.program(), &symbol.0);
        profile.modules[0].file = codecost::image::Mapping::open(&copy).ok();
        let symbols = symbolize(&profile, &Catalogue::empty());
        answers += usize::from(asm(&profile, &symbols, &Query::of("checked")).is_ok());
    }
    assert!(answers > 5, "{answers} still answered");
}
