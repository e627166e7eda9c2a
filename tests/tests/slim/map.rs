//! Owners against the linker's map.

use crate::{cache, slim};
use integration_tests::fixture::Specimens;
use integration_tests::linker_map::LinkerMap;
use integration_tests::published::{B3SUM, HYPERFINE, Program, RIPGREP, V0};
use integration_tests::truth::{compare_data, compare_functions, displaced_code};
use integration_tests::witness::readelf_sections;

/// Issue 2: less than 1 % of .text misplaced, byte by byte, and as sums per crate.
fn code_is_where_the_linker_put_it(program: Program) {
    let build = program.build(V0, cache());
    let map = LinkerMap::of(&build);

    let functions = slim().view(&["functions", "-n", "0"], &build.file);
    let comparison = compare_functions(&map, ".text", functions.rows());
    println!("{} .text: {comparison}", program.package);
    assert!(comparison.total > 400_000, "{comparison}");
    assert!(comparison.misplaced() < 0.01, "{comparison}");

    let crates = slim().view(&["crates", "--by", "instantiated"], &build.file);
    let displaced = displaced_code(&map, crates.rows());
    println!(
        "{}: {:.3} % of code displaced",
        program.package,
        100.0 * displaced
    );
    assert!(displaced < 0.01, "{displaced}");
}

/// Issue 2: at least 80 % of .rodata are with an owner that the map, and for merged strings the
/// objects, confirm.
fn data_is_where_the_linker_put_it(program: Program) {
    let build = program.build(V0, cache());
    let data = slim().view(&["data", "-n", "0"], &build.file);
    let comparison = compare_data(&LinkerMap::of(&build), ".rodata", data.rows(), &build.file);
    println!("{} .rodata: {comparison}", program.package);
    assert!(comparison.total > 30_000, "{comparison}");
    assert!(comparison.confirmed() >= 0.80, "{comparison}");
}

#[test]
fn code_of_ripgrep() {
    code_is_where_the_linker_put_it(RIPGREP);
}

#[test]
fn code_of_b3sum_with_assembly() {
    code_is_where_the_linker_put_it(B3SUM);
}

#[test]
fn code_of_hyperfine() {
    code_is_where_the_linker_put_it(HYPERFINE);
}

#[test]
fn data_of_ripgrep() {
    data_is_where_the_linker_put_it(RIPGREP);
}

#[test]
fn data_of_b3sum_with_assembly() {
    data_is_where_the_linker_put_it(B3SUM);
}

#[test]
fn data_of_hyperfine() {
    data_is_where_the_linker_put_it(HYPERFINE);
}

/// Assembly has neither sizes nor types; only its object in the rlib tells whose it is.
#[test]
fn assembly_is_native_and_its_crates() {
    let build = B3SUM.build(V0, cache());
    let map = LinkerMap::of(&build);
    let truth: u64 = map
        .bytes_by_owner(".text")
        .into_iter()
        .filter(|(owner, _)| {
            owner.as_ref().is_some_and(|owner| {
                owner.name == "blake3" && owner.kind == integration_tests::linker_map::Kind::Native
            })
        })
        .map(|(_, bytes)| bytes)
        .sum();
    assert!(truth > 50_000, "the map shows {truth} bytes of assembly");

    let crates = slim().view(&["crates"], &build.file);
    let native: u64 = crates
        .rows_where("name", "blake3")
        .iter()
        .filter(|row| row["origin"] == "native")
        .map(|row| integration_tests::tool::number(row, "code"))
        .sum();
    let difference = native.abs_diff(truth) as f64 / truth as f64;
    assert!(
        difference < 0.02,
        "{native} bytes of native blake3 where the linker put {truth}"
    );
}

/// The witness itself: the map describes this very file, and names an owner for nearly all of it.
#[test]
fn the_map_is_of_this_file() {
    for program in [RIPGREP, B3SUM, HYPERFINE] {
        let build = program.build(V0, cache());
        let map = LinkerMap::of(&build);
        for section in readelf_sections(&build.file)
            .iter()
            .filter(|it| it.address != 0)
        {
            let mapped = map.section(&section.name).unwrap();
            assert_eq!(
                (mapped.address, mapped.size),
                (section.address, section.size)
            );
        }
        let owned = |section: &str| {
            let bytes = map.bytes_by_owner(section);
            let all: u64 = bytes.values().sum();
            (all - bytes.get(&None).unwrap_or(&0)) as f64 / all as f64
        };
        assert!(owned(".text") > 0.999, "{}", owned(".text"));
        assert!(owned(".rodata") > 0.7, "{}", owned(".rodata"));
        let crates = map.bytes_by_crate(".text");
        assert!(
            crates.contains_key(program.bin) && crates.contains_key("core"),
            "{crates:?}"
        );
    }
}

/// The same program by the other linker, whose map has another form.
#[test]
fn code_linked_by_gnu_ld() {
    let specimens = Specimens::new();
    let map = specimens.path().join("map");
    let write_map = format!("-Clink-arg=-Wl,-Map={}", map.display());
    let file = specimens.rustc("gnu", &["-Clink-arg=-fuse-ld=bfd", &write_map]);
    let map = LinkerMap::parse(&std::fs::read_to_string(map).unwrap());
    let text = readelf_sections(&file)
        .into_iter()
        .find(|it| it.name == ".text")
        .unwrap();
    let mapped = map.section(".text").unwrap();
    assert_eq!((mapped.address, mapped.size), (text.address, text.size));
    let crates = map.bytes_by_crate(".text");
    assert!(
        crates["std"] > 100_000 && crates["specimen"] > 2_000,
        "{crates:?}"
    );

    let functions = slim().view(&["functions", "-n", "0"], &file);
    let comparison = compare_functions(&map, ".text", functions.rows());
    assert!(comparison.misplaced() < 0.01, "{comparison}");
}
