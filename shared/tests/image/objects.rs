//! Objects and archives, against `nm`.

use crate::{functions, output, readelf_symbols};
use codecost::image::{Format, Image, Mapping};
use std::{collections::BTreeMap, fs, path::Path};

/// An object of C with a section for each function, and an archive of two.
fn make(directory: &Path) -> (String, String) {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    fs::write(
        directory.join("a.c"),
        "static int helper(int x) { return x * x; } int state = 3; static int blank[100];
         int first(int x) { return helper(x) + blank[x]; }
         __attribute__((cold)) int second(int x) { return x - state; }",
    )
    .unwrap();
    fs::write(directory.join("b.c"), "int third(int x) { return x ^ 5; }").unwrap();
    for name in ["a", "b"] {
        let (source, object) = (path(&format!("{name}.c")), path(&format!("{name}.o")));
        output(
            "cc",
            &[
                "-c",
                "-O1",
                "-fno-inline",
                "-ffunction-sections",
                &source,
                "-o",
                &object,
            ],
        );
    }
    fs::write(directory.join("note"), "no object").unwrap();
    let (object, archive) = (path("a.o"), path("lib.a"));
    output(
        "ar",
        &["crs", &archive, &object, &path("note"), &path("b.o")],
    );
    (object, archive)
}

#[test]
fn functions_of_objects_and_archives_are_those_of_readelf() {
    let directory = tempfile::tempdir().unwrap();
    let (object, _) = make(directory.path());
    // readelf takes members for damaged that are no objects.
    let archive = directory
        .path()
        .join("plain.a")
        .to_str()
        .unwrap()
        .to_owned();
    let other = object.replace("a.o", "b.o");
    output("ar", &["crs", &archive, &object, &other]);
    for path in [&object, &archive] {
        let path = Path::new(path);
        let witness: BTreeMap<String, (u64, u64)> = readelf_symbols(path)
            .into_iter()
            .filter(|symbol| symbol.kind == "FUNC")
            .map(|symbol| (symbol.name, (symbol.value, symbol.size)))
            .collect();
        let found: BTreeMap<String, (u64, u64)> = functions(path)
            .into_iter()
            .map(|(name, _, start, size)| (name, (start, size)))
            .collect();
        assert!(found.len() >= 3);
        assert_eq!(found, witness, "{}", path.display());
    }
}

#[test]
fn each_section_of_an_object_has_addresses_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (object, archive) = make(directory.path());
    for path in [object, archive] {
        let path = Path::new(&path);
        let file = Mapping::open(path).unwrap();
        let image = Image::parse(path, &file).unwrap();
        let loaded = image
            .sections
            .iter()
            .filter(|it| it.loaded && it.memory > 0);
        let mut ranges: Vec<_> = loaded.map(|section| section.addresses()).collect();
        ranges.sort_unstable();
        assert!(ranges.len() > 3);
        for (a, b) in ranges.iter().zip(&ranges[1..]) {
            assert!(a.end() <= b.start, "{a:?} {b:?}");
        }
    }
}

#[test]
fn members_are_parts_and_those_that_are_no_objects_stay_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (_, archive) = make(directory.path());
    let path = Path::new(&archive);
    let file = Mapping::open(path).unwrap();
    let image = Image::parse(path, &file).unwrap();
    assert_eq!(image.format, Format::Archive);
    // `ar t` lists them; the table of symbols is no member.
    let names = output("ar", &["t", &archive]);
    let parts: Vec<&str> = image.parts.iter().map(|part| &*part.name).collect();
    assert_eq!(parts, names.lines().collect::<Vec<_>>());
    for part in &image.parts {
        let size = fs::metadata(directory.path().join(&part.name))
            .unwrap()
            .len();
        assert_eq!(part.file.size, size, "{}", part.name);
        assert_eq!(
            image
                .part_at(part.file.start)
                .map(|at| &image.parts[at].name),
            Some(&part.name)
        );
    }
    assert_eq!(image.parts[1].sections.len(), 1);
}
