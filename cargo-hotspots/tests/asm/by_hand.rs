//! `asm` on profiles that are made by hand, of programs that no recording is needed for: functions in
//! several pieces, another processor, damaged files. The witness is `nm`.

use super::{recorded, run};
use cargo_hotspots::{
    analysis::asm::{Query, asm, model::Lead},
    profile::{
        Count, Frame, FrameId, Module, ModuleId, ModuleKind, Place, Profile, StackId, StackNode,
        ThreadId,
    },
    symbolize::symbolize,
    symbols::Symbols,
};
use codecost::{address::VirtualAddress, attribution::Catalogue, image::Mapping};
use std::{fs, path::Path, process::Command};

/// A recording of one sample at the start of a symbol of `program`, made by hand.
fn one_sample(program: &Path, symbol: &str) -> Profile {
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
    fs::write(&source, code).unwrap();
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
    fs::write(&source, code).unwrap();
    let program = directory.path().join("piece");
    run(Command::new("gcc").arg(&source).arg("-o").arg(&program));
    let profile = one_sample(&program, "main");
    for name in ["sorted [outlined]", "sorted"] {
        let found = asm(&profile, &Symbols::default(), &Query::of(name)).unwrap();
        assert_eq!(found.function, "sorted [outlined]", "{name}");
        assert_eq!(found.rows.len(), 2, "{name}");
    }
}

/// Code of AArch64 is listed. What the words are the architecture's manual says.
#[test]
fn code_of_aarch64_is_listed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/ledger");
    let program = corpus.join("elf64-aarch64");
    let profile = one_sample(&program, "_start");
    let symbols = symbolize(&profile, &Catalogue::empty());
    let found = asm(&profile, &symbols, &Query::of("_start")).unwrap();
    let rows = found.rows.iter();
    let text: Vec<&str> = rows.map(|row| row.text.as_str()).collect();
    // 90000008 528000e9 528000e0 f941c508 b9000109 d65f03c0
    let beginnings = [
        "adrp x8, ",
        "mov",
        "mov",
        "ldr x8, [x8",
        "str w9, [x8",
        "ret",
    ];
    assert_eq!(text.len(), beginnings.len(), "{text:?}");
    for (text, beginning) in text.iter().zip(beginnings) {
        assert!(text.starts_with(beginning), "{text}");
    }
    let places = found.rows.iter().map(|row| (row.address.0, row.length));
    assert!(places.eq((0x24c..0x264).step_by(4).map(|at| (at, 4))));
    assert_eq!(found.rows[0].own.samples, 1);
}

#[test]
fn another_processor_is_refused_with_a_way_round() {
    let recorded = recorded();
    let mut bytes = fs::read(recorded.program()).unwrap();
    // e_machine: RISC-V.
    bytes[18] = 243;
    let copy = recorded.directory.path().join("riscv");
    fs::write(&copy, bytes).unwrap();
    let profile = one_sample(&copy, "");
    let error = asm(&profile, &Symbols::default(), &Query::of("hot::locks")).unwrap_err();
    assert_eq!(error.exit_code(), 101);
    assert!(error.to_string().contains("riscv64"), "{error}");
    assert!(error.hint().unwrap().contains("cargo hotspots lines"));
}

#[test]
fn damaged_programs_do_not_panic() {
    let recorded = recorded();
    let bytes = fs::read(recorded.program()).unwrap();
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
        fs::write(&copy, &damaged).unwrap();
        let mut profile = one_sample(&recorded.program(), &symbol.0);
        profile.modules[0].file = Mapping::open(&copy).ok();
        let symbols = symbolize(&profile, &Catalogue::empty());
        answers += usize::from(asm(&profile, &symbols, &Query::of("checked")).is_ok());
    }
    assert!(answers > 5, "{answers} still answered");
}
