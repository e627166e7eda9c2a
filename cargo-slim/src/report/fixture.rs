//! Values as an analysis would hand them over, for the tests of the report. The figures are made
//! up; the shapes (two versions, std's own crates, shared data, hostile names) are real.

use crate::analysis::{
    Analysis, Total,
    model::{
        Artifact, Counts, CrateInfo, CrateRow, DataRow, Finding, FunctionRow, GenericInstance,
        GenericRow, Hardening, Loads, Overview, ReadDepth, RequiredVersion, SectionRow, SegmentRow,
    },
};
use crate::ledger::{ByCategory, Category};
use codecost::{
    address::VirtualAddress,
    attribution::{Evidence, Origin},
    report::Warning,
};

const FILE: u64 = 6_291_456;

pub(super) fn label(name: &str, version: &str, origin: Origin) -> CrateInfo {
    let known = !version.is_empty();
    CrateInfo {
        role: Default::default(),
        name: name.into(),
        package: known.then(|| name.replace('_', "-")),
        version: known.then(|| version.into()),
        origin,
    }
}

pub(super) fn sections() -> Vec<SectionRow> {
    let row = |name: &str, kind, address: Option<u64>, file, memory| SectionRow {
        name: name.into(),
        kind,
        address: address.map(VirtualAddress),
        file,
        shipped: match kind {
            "symbols" | "padding" => 0,
            _ => file,
        },
        memory,
        parts: Vec::new(),
    };
    vec![
        row(".text", "code", Some(0x5_4000), 2_720_593, 2_720_593),
        row(".symtab", "symbols", None, 1_100_000, 0),
        row(".strtab", "symbols", None, 900_000, 0),
        row(".rodata", "data", Some(0x1_0000), 800_000, 800_000),
        row(".eh_frame", "unwind", Some(0x4_0000), 400_000, 400_000),
        row(".rela.dyn", "relocations", Some(0x2000), 250_000, 250_000),
        row("[padding]", "padding", None, 110_000, 0),
        row("[headers]", "headers", Some(0), 10_863, 896),
        row(".bss", "bss", Some(0x30_0000), 0, 4_096),
    ]
}

pub(super) fn crates() -> Vec<CrateRow> {
    let row = |label, file: u64, inferred, shared| CrateRow {
        label,
        file,
        shipped: file / 2 + file / 8 + file / 16 + file / 32,
        memory: file / 2,
        parts: ByCategory::from([
            (Category::Code, file / 2),
            (Category::Data, file / 8),
            (Category::Unwind, file / 16),
            (Category::Relocations, file / 32),
            (
                Category::Symbols,
                file - file / 2 - file / 8 - file / 16 - file / 32,
            ),
        ]),
        inferred,
        inferred_shipped: inferred / 2,
        shared,
    };
    let mut rows = vec![
        row(
            label("regex_automata", "0.4.9", Origin::Registry),
            1_800_000,
            0,
            12_000,
        ),
        row(label("core", "1.95.0", Origin::Std), 900_000, 0, 40_000),
        row(label("rg", "14.1.1", Origin::Workspace), 850_000, 0, 0),
        row(label("std", "1.95.0", Origin::Std), 700_000, 0, 0),
        row(label("[native]", "", Origin::Native), 500_000, 60_000, 0),
        row(label("memchr", "2.7.5", Origin::Registry), 300_000, 0, 0),
        row(
            label("memchr", "2.7.6", Origin::StdDependency),
            100_000,
            0,
            0,
        ),
        row(label("[unknown]", "", Origin::Unknown), 41_456, 0, 0),
    ];
    rows.extend((0..11).map(|n| {
        row(
            label(&format!("small_{n}"), "1.0.0", Origin::Registry),
            90_000 - n * 1_000,
            0,
            0,
        )
    }));
    let rest = FILE - rows.iter().map(|row| row.file).sum::<u64>();
    rows.push(row(label("[padding]", "", Origin::Linker), rest, 0, 0));
    rows
}

pub(super) fn functions() -> Vec<FunctionRow<'static>> {
    let row =
        |name: &'static str, symbol, label: CrateInfo, by: Option<CrateInfo>, address, file| {
            FunctionRow {
                name: name.into(),
                symbol,
                aliases: Vec::new(),
                label: Box::leak(Box::new(label)),
                instantiated_by: by.map(|by| &*Box::leak(Box::new(by))),
                section: ".text",
                member: None,
                address: VirtualAddress(address),
                file,
                shipped: file,
                evidence: Evidence::Symbol,
                inferred_by: None,
                stack: None,
            }
        };
    let automata = || label("regex_automata", "0.4.9", Origin::Registry);
    let rg = || label("rg", "14.1.1", Origin::Workspace);
    let mut rows = vec![
        row(
            "<regex_automata::meta::strategy::Core as regex_automata::meta::strategy::Strategy>::search",
            "_RNvXs_Cs1",
            automata(),
            None,
            0x5_5000,
            24_000,
        ),
        row(
            "rg::flags::hiargs::HiArgs::from_low_args",
            "_RNv2",
            rg(),
            None,
            0x6_0000,
            18_500,
        ),
        row(
            "<alloc::vec::Vec<core::option::Option<regex_syntax::hir::Hir>> as core::ops::drop::Drop>::drop",
            "_RNv3",
            label("alloc", "1.95.0", Origin::Std),
            Some(rg()),
            0x7_0000,
            12_000,
        ),
        row(
            "memchr::memmem::searcher::Searcher::new",
            "_RNv4",
            label("memchr", "2.7.5", Origin::Registry),
            None,
            0x7_8000,
            9_000,
        ),
        row(
            "memchr::arch::x86_64::avx2::memchr::One::find_raw",
            "_RNv5",
            label("memchr", "2.7.6", Origin::StdDependency),
            None,
            0x7_9000,
            8_000,
        ),
        row(
            "core::ptr::drop_in_place::<rg::A>",
            "_RNv6",
            label("core", "1.95.0", Origin::Std),
            Some(rg()),
            0x7_a000,
            500,
        ),
        row(
            "core::ptr::drop_in_place::<rg::A>",
            "_RNv7",
            label("core", "1.95.0", Origin::Std),
            Some(automata()),
            0x7_b000,
            400,
        ),
        row(
            "evil\u{1b}[2J|name",
            "",
            label("[native]", "", Origin::Native),
            None,
            0x7_c000,
            300,
        ),
    ];
    if let Some(first) = rows.first_mut() {
        first.aliases = vec!["_RNvAlias"];
    }
    rows.extend((0..20).map(|n| {
        row(
            format!("rg::small::f{n}").leak(),
            "_RNv8",
            rg(),
            None,
            0x8_0000 + n,
            200 - n,
        )
    }));
    rows
}

pub(super) fn generics() -> Vec<GenericRow> {
    let rg = label("rg", "14.1.1", Origin::Workspace);
    let instance = |name: &str, file| GenericInstance {
        name: name.into(),
        instantiated_by: Some(rg.clone()),
        address: VirtualAddress(0x9_0000),
        file,
    };
    vec![
        GenericRow {
            name: "alloc::raw_vec::RawVecInner::reserve::do_reserve_and_handle".into(),
            label: label("alloc", "1.95.0", Origin::Std),
            copies: 41,
            file: 9_020,
            shipped: 9_020,
            largest: 220,
            identical: Some(8_000),
            instances: vec![instance("do_reserve_and_handle::<u8>", 220)],
        },
        GenericRow {
            name: "core::ptr::drop_in_place".into(),
            label: label("core", "1.95.0", Origin::Std),
            copies: 2,
            file: 900,
            shipped: 900,
            largest: 500,
            identical: Some(0),
            instances: vec![
                instance("core::ptr::drop_in_place::<rg::A>", 500),
                instance("core::ptr::drop_in_place::<rg::A>", 400),
            ],
        },
    ]
}

pub(super) fn data() -> Vec<DataRow<'static>> {
    let kept = |label: CrateInfo| -> &'static CrateInfo { Box::leak(Box::new(label)) };
    let row = |name: &str, owner, section, file, kind, shared_by, evidence| DataRow {
        name: name.into(),
        nameless: None,
        nth: 1,
        label: owner,
        section,
        member: None,
        address: VirtualAddress(0x1_0040),
        file,
        shipped: file,
        memory: file,
        kind,
        shared_by,
        instantiated_by: vec![kept(label("rg", "14.1.1", Origin::Workspace))],
        evidence,
        users: Vec::new(),
    };
    let syntax = kept(label("regex_syntax", "0.8.5", Origin::Registry));
    let rg = kept(label("rg", "14.1.1", Origin::Workspace));
    vec![
        row(
            "regex_syntax::unicode_tables::general_category::BY_NAME",
            syntax,
            ".rodata",
            65_000,
            "static",
            vec![],
            Evidence::Symbol,
        ),
        row(
            "called `Result::unwrap()` on an `Err` value\n",
            syntax,
            ".rodata",
            43,
            "string",
            vec![syntax, rg],
            Evidence::Reference,
        ),
    ]
}

pub(super) fn loads() -> Loads {
    let segment = |name: &str, permissions: &str, address, file, memory, loaded| SegmentRow {
        name: name.into(),
        permissions: permissions.into(),
        address: Some(VirtualAddress(address)),
        file,
        memory,
        loaded,
    };
    let version = |library: &str, version: &str, symbols: &[&str]| RequiredVersion {
        library: library.into(),
        version: version.into(),
        symbols: symbols.iter().map(|symbol| (*symbol).into()).collect(),
    };
    Loads {
        segments: vec![
            segment("LOAD", "r--", 0, 1_460_000, 1_460_000, true),
            segment("LOAD", "r-x", 0x17_0000, 2_720_593, 2_720_593, true),
            segment("LOAD", "rw-", 0x41_0000, 130_000, 134_096, true),
            segment("GNU_RELRO", "r--", 0x41_0000, 120_000, 120_000, false),
        ],
        needed: vec!["libc.so.6".into(), "libgcc_s.so.1".into()],
        versions: vec![
            version("libc.so.6", "GLIBC_2.17", &["clock_gettime"]),
            version(
                "libc.so.6",
                "GLIBC_2.34",
                &["dlsym", "pthread_create", "stat", "fstat"],
            ),
        ],
        oldest_glibc: Some("2.34".into()),
        interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()),
        run_paths: vec![],
        libraries: vec![],
        oldest_system: None,
        system_is_default: false,
        subsystem: None,
        hardening: vec![
            Hardening {
                name: "pie",
                value: "yes",
            },
            Hardening {
                name: "relro",
                value: "full",
            },
        ],
        exports: vec![],
        resources: vec![],
        modules: vec![],
        starts: vec![],
        features: vec![],
        producers: vec![],
        counts: Counts {
            exports: 3,
            pointers: 12_541,
            unwind_entries: 3_176,
        },
    }
}

pub(super) fn overview() -> Overview<'static> {
    Overview {
        findings_of: None,
        sections: sections(),
        crates: crates(),
        functions: functions(),
        regions: Vec::new(),
        findings: vec![
            Finding {
                code: "two-versions",
                title: "two versions of memchr".into(),
                bytes: 100_000,
                evidence: vec![
                    "memchr 2.7.5 (registry) 293.0 KiB".into(),
                    "memchr 2.7.6 (std) 97.7 KiB".into(),
                ],
                command: "cargo tree -i memchr".into(),
            },
            Finding {
                code: "many-copies",
                title: "41 copies of do_reserve_and_handle".into(),
                bytes: 8_000,
                evidence: vec!["7.8 KiB of them are equal byte for byte".into()],
                command: "cargo slim generics --filter do_reserve_and_handle".into(),
            },
        ],
    }
}

pub(super) fn analysis<R>(rows: R) -> Analysis<R> {
    let shipped = Some(crates().iter().map(|row| row.shipped).sum());
    Analysis {
        artifact: Artifact {
            flags: String::new(),
            path: "target/slim/release/rg".into(),
            format: "elf",
            architecture: "x86_64".into(),
            file_size: FILE,
            shipped_size: shipped,
            depth: ReadDepth {
                functions: true,
                data: true,
                unwind: true,
                relocations: true,
                units: true,
                debug: true,
            },
            package: Some("ripgrep".into()),
            target_name: Some("rg".into()),
            profile: Some("release".into()),
            build_notes: vec!["strip=none".into(), "v0 names".into()],
            packages: None,
        },
        total: Total {
            file: FILE,
            shipped,
            memory: 4_194_304,
        },
        rows,
        warnings: vec![
            Warning::new("unowned-assembly", "3 runs of assembly have no symbol")
                .help("build with debug info to see whose they are")
                .count(3),
        ],
    }
}
