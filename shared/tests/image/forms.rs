//! One program in several forms: without section headers, with compressed debug information, moved
//! about; and wasm modules of known sections.

use crate::{functions, output};
use codecost::image::{Image, Mapping, SectionKind};
use std::{
    fs,
    path::{Path, PathBuf},
};

const SOURCE: &str = "
static int inner(int x) { return x * 5; }
int table[3] = {1, 2, 3};
int used(int x) { return inner(x) + table[x & 1]; }
int main(int argc, char **argv) { (void)argv; return used(argc); }
";

/// A program of C with debug information.
fn program(directory: &Path) -> PathBuf {
    let source = directory.join("p.c");
    fs::write(&source, SOURCE).unwrap();
    let file = directory.join("p");
    output(
        "cc",
        &[
            "-g",
            "-O1",
            source.to_str().unwrap(),
            "-o",
            file.to_str().unwrap(),
        ],
    );
    file
}

#[test]
fn debug_information_compressed_the_old_way_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let plain = program(directory.path());
    let packed = directory.path().join("z");
    let paths = [plain.to_str().unwrap(), packed.to_str().unwrap()];
    // Made by hand: objcopy leaves sections as they are which would not become smaller.
    output(
        "objcopy",
        &["--compress-debug-sections=zlib-gnu", paths[0], paths[1]],
    );
    let (a, b) = (
        Mapping::open(&plain).unwrap(),
        Mapping::open(&packed).unwrap(),
    );
    let (a, b) = (
        Image::parse(&plain, &a).unwrap(),
        Image::parse(&packed, &b).unwrap(),
    );
    let mut old = 0;
    for section in b.sections.iter().filter(|it| it.kind == SectionKind::Debug) {
        let name = section.name.replace(".zdebug_", ".debug_");
        if *section.name != name {
            old += 1;
            assert!(section.compressed, "{name}");
        }
        let (_, original) = a.section(&name).unwrap();
        let content = b.section_content(section).unwrap();
        assert_eq!(&*content, a.section_bytes(original), "{name}");
    }
    assert!(old > 0, "objcopy has compressed nothing");
}

#[test]
fn without_section_headers_the_segments_say_it() {
    let directory = tempfile::tempdir().unwrap();
    let plain = program(directory.path());
    let mut bytes = fs::read(&plain).unwrap();
    // The section table's place, and its entry size, length and names.
    bytes[0x28..0x30].fill(0);
    bytes[0x3a..0x40].fill(0);
    let path = directory.path().join("n");
    fs::write(&path, &bytes).unwrap();
    let image = Image::parse(&path, &bytes).unwrap();

    // The witness: what `readelf -l` says is loaded.
    let text = output("readelf", &["-lW", path.to_str().unwrap()]);
    let hex = |text: &str| u64::from_str_radix(&text[2..], 16).unwrap();
    let loaded: u64 = text
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields.first() == Some(&"LOAD")).then(|| hex(fields[5]))
        })
        .sum();
    let sections: u64 = image.sections.iter().map(|section| section.memory).sum();
    let headers: u64 = image.tables.iter().map(|table| table.range.size).sum();
    let aligned = sections + headers;
    assert!(
        aligned <= loaded && loaded - aligned < 16,
        "{aligned} {loaded}"
    );
    for (a, b) in image.sections.iter().zip(&image.sections[1..]) {
        assert!(a.file.end() <= b.file.start, "{a:?} {b:?}");
    }
    // Functions by the unwind tables, as in the file with headers.
    let starts = |path: &Path| {
        let file = Mapping::open(path).unwrap();
        let image = Image::parse(path, &file).unwrap();
        let unwind = image.unwind_tables();
        let entries = unwind.entries.iter();
        entries
            .map(|it| (it.function.start, it.function.size))
            .collect::<Vec<_>>()
    };
    assert!(starts(&plain).len() > 3);
    assert_eq!(starts(&path), starts(&plain));
    let found = functions(&path);
    assert!(found.iter().any(|row| row.3 > 0), "{found:?}");
    let dynamic = image.dynamic_symbols().symbols;
    assert!(
        dynamic
            .iter()
            .any(|it| it.name.starts_with("__libc_start_main"))
    );
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 127) as u8;
        number >>= 7;
        bytes.push(if number > 0 { byte | 128 } else { byte });
        if number == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(
        0,
        &[&leb(name.len())[..], name.as_bytes(), content].concat(),
    )
}

#[test]
fn sections_of_a_module_are_the_bytes_that_make_them() {
    // No locals; i32.const 7, drop; end.
    let body = [&[0][..], &[0x41, 7, 0x1a].repeat(300), &[0x0b]].concat();
    let code = [&[2][..], &leb(body.len()), &body, &[2, 0, 0x0b]].concat();
    let parts = [
        ("<type>", section(1, b"\x01\x60\x00\x00")),
        ("<function>", section(3, b"\x02\x00\x00")),
        ("<memory>", section(5, b"\x01\x00\x01")),
        ("<export>", section(7, b"\x01\x04work\x00\x00")),
        ("<code>", section(10, &code)),
        ("<data>", section(11, b"\x01\x00\x41\x00\x0b\x03abc")),
        (
            "name/functions",
            custom("name", b"\x01\x0c\x02\x00\x04work\x01\x03own"),
        ),
        ("producers", custom("producers", b"\x00")),
        (".debug_str", custom(".debug_str", b"text\0")),
    ];
    let bytes: Vec<&[u8]> = parts.iter().map(|(_, part)| &**part).collect();
    let bytes = [b"\0asm\x01\0\0\0", &*bytes.concat()].concat();
    let path = Path::new("m.wasm");
    let image = Image::parse(path, &bytes).unwrap();
    assert_eq!(image.sections.len(), parts.len());
    for ((name, part), found) in parts.iter().zip(&image.sections) {
        assert_eq!(found.name, *name);
        // Number and length are headers, and so is the name of a custom section, and the number and
        // the length of a subsection.
        let header = match *name {
            "name/functions" => 2 + 5 + 2,
            "producers" => 2 + 10,
            ".debug_str" => 2 + 11,
            "<code>" => 3,
            _ => 2,
        };
        assert_eq!(image.section_bytes(found), &part[header..], "{name}");
    }
    let tables: u64 = image.tables.iter().map(|table| table.range.size).sum();
    assert_eq!(tables, 8 + 6 * 2 + 1 + 9 + 12 + 13);
    // Functions are where their bodies are; the data section does not hide them.
    let symbols = image.symbols();
    let own = symbols
        .symbols
        .iter()
        .find(|symbol| symbol.name == "own")
        .unwrap();
    assert_eq!(image.bytes_at(own.address), Some(&[2, 0, 0x0b][..]));
    let work = symbols
        .symbols
        .iter()
        .find(|symbol| symbol.name == "work")
        .unwrap();
    let whole = [&leb(body.len())[..], &body].concat();
    assert_eq!(work.size as usize, whole.len());
    assert!(image.bytes_at(work.address).unwrap().starts_with(&whole));
    // A size beyond the end ends the list, and what is before stays.
    let cut = &bytes[..bytes.len() - 3];
    if let Ok(image) = Image::parse(path, cut) {
        assert!(image.sections.len() < parts.len());
    }
}
