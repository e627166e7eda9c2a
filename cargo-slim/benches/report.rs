//! What it costs to write the rows of a large library: 165,000 functions, some 400 bytes each,
//! with their ids. `cargo bench -p cargo-slim --bench report`.

use cargo_slim::{
    analysis::{
        Analysis, Total,
        model::{Artifact, CrateInfo, FunctionRow, ReadDepth},
    },
    report,
};
use codecost::{
    address::VirtualAddress,
    attribution::{Evidence, Origin},
    console::Console,
    report::{Format, OutputOptions},
};
use std::sync::LazyLock;

const ROWS: u64 = 165_000;

fn main() {
    divan::main();
}

static LABEL: LazyLock<CrateInfo> = LazyLock::new(|| CrateInfo {
    role: Default::default(),
    name: "rustc_middle".into(),
    package: Some("rustc_middle".into()),
    version: Some("0.0.0".into()),
    origin: Origin::Registry,
});

fn analysis() -> Analysis<Vec<FunctionRow<'static>>> {
    let row = |n: u64| FunctionRow {
        name: format!(
            "<rustc_middle::ty::context::TyCtxt as rustc_type_ir::interner::Interner>::\
             method_with_a_name::<rustc_middle::ty::generics_{n}>::{{closure#0}}"
        )
        .into(),
        symbol: "_RNvXs_NtNtCs1234567890_12rustc_middle2ty7contextNtB4_6TyCtxtNtNtCs0987654321_\
                 13rustc_type_ir8interner8Interner18method_with_a_name",
        aliases: Vec::new(),
        label: &LABEL,
        instantiated_by: None,
        section: ".text",
        member: None,
        address: VirtualAddress(0x10_0000 + n * 64),
        file: ROWS - n,
        shipped: ROWS - n,
        evidence: Evidence::Symbol,
        inferred_by: None,
        stack: None,
    };
    Analysis {
        artifact: Artifact {
            packages: None,
            flags: String::new(),
            path: "librustc_driver.so".into(),
            format: "elf",
            architecture: "x86_64".into(),
            file_size: 153_000_000,
            shipped_size: None,
            depth: ReadDepth {
                functions: true,
                data: true,
                unwind: true,
                relocations: true,
                units: true,
                debug: true,
            },
            package: None,
            target_name: None,
            profile: None,
            build_notes: Vec::new(),
        },
        total: Total {
            file: 153_000_000,
            memory: 153_000_000,
            shipped: Some(153_000_000),
        },
        rows: (0..ROWS).map(row).collect(),
        warnings: Vec::new(),
    }
}

fn write(format: Format, bencher: divan::Bencher<'_, '_>) {
    let analysis = analysis();
    let options = OutputOptions {
        format,
        output: Some("/dev/null".into()),
        limit: Some(0),
        ..OutputOptions::default()
    };
    bencher.bench_local(|| {
        let (mut console, _) = Console::in_memory();
        report::functions::write(&analysis, &options, &mut console)
    });
}

#[divan::bench]
fn json(bencher: divan::Bencher<'_, '_>) {
    write(Format::Json, bencher);
}

#[divan::bench]
fn csv(bencher: divan::Bencher<'_, '_>) {
    write(Format::Csv, bencher);
}
