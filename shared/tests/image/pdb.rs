//! A PDB for `windows-x86_64.dll`, written here record by record after LLVM's description: what
//! `lld-link` writes for a program of two functions is twenty times as large.

use crate::specimen;
use codecost::{
    address::VirtualAddress,
    attribution::{Catalogue, CodeMap, Crates, SymbolOwners},
    image::{Image, Mapping, SymbolKind, pdb::Pdb},
};

const PAGE: usize = 512;

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn halves(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|it| it.to_le_bytes()).collect()
}

/// A record: its length, its kind and what it says, filled up to four bytes.
fn record(kind: u16, content: &[u8]) -> Vec<u8> {
    let size = (content.len() + 2).next_multiple_of(4);
    let mut bytes = halves(&[size as u16, kind]);
    bytes.extend(content);
    bytes.resize(size + 2, 0);
    bytes
}

fn procedure(name: &str, offset: u32, size: u32) -> Vec<u8> {
    let mut content = words(&[0, 0, 0, size, 0, 0, 0, offset]);
    content.extend(halves(&[1]));
    content.push(0);
    content.extend(name.as_bytes());
    content.push(0);
    record(0x1110, &content)
}

fn contribution(section: u16, offset: u32, size: u32, module: u16) -> Vec<u8> {
    let mut bytes = halves(&[section, 0]);
    bytes.extend(words(&[offset, size, 0]));
    bytes.extend(halves(&[module, 0]));
    bytes.extend(words(&[0, 0]));
    bytes
}

fn module(name: &str, stream: u16, symbols: u32) -> Vec<u8> {
    let mut bytes = words(&[0]);
    bytes.extend(contribution(1, 0, 0, 0));
    bytes.extend(halves(&[0, stream]));
    bytes.extend(words(&[symbols, 0, 0, 0, 0, 0, 0]));
    assert_eq!(bytes.len(), 64);
    bytes.extend(name.as_bytes());
    bytes.extend([0, 0]);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Types, or what refers to them: a header of 56 bytes and the records.
fn types(records: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[20_040_203, 56, 0x1000, 0x1100, records.len() as u32]);
    bytes.resize(56, 0);
    bytes.extend(records);
    bytes
}

fn container(streams: &[Vec<u8>]) -> Vec<u8> {
    let mut directory = words(&[streams.len() as u32]);
    directory.extend(
        streams
            .iter()
            .flat_map(|it| (it.len() as u32).to_le_bytes()),
    );
    let mut pages: Vec<u8> = Vec::new();
    let first = 3;
    for stream in streams {
        for page in stream.chunks(PAGE) {
            directory.extend(((first + pages.len() / PAGE) as u32).to_le_bytes());
            pages.extend(page);
            pages.resize(pages.len().next_multiple_of(PAGE), 0);
        }
    }
    let own = first + pages.len() / PAGE;
    let count = directory.len().div_ceil(PAGE);
    let list: Vec<u32> = (0..count as u32)
        .map(|page| own as u32 + 1 + page)
        .collect();
    let mut file = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0".to_vec();
    let total = own + 1 + count;
    file.extend(words(&[
        PAGE as u32,
        1,
        total as u32,
        directory.len() as u32,
        0,
        own as u32,
    ]));
    file.resize(first * PAGE, 0);
    file.extend(pages);
    file.extend(words(&list));
    file.resize((own + 1) * PAGE, 0);
    file.extend(directory);
    file.resize(total * PAGE, 0);
    file
}

/// `identity`: the GUID of the image.
fn pdb(identity: &[u8]) -> Vec<u8> {
    let mut information = words(&[20_000_404, 0, 1]);
    information.extend(identity);

    // A site in `one_inner`: eight bytes on, for five bytes, `core::num::wrapping_add`.
    let mut first = words(&[4]);
    first.extend(procedure("one::one_entry", 0x10, 0x3d));
    first.extend(procedure("one::one_inner", 0x50, 0x2b));
    let site = [&words(&[0, 0, 0x1001])[..], &[3, 8, 4, 5]].concat();
    first.extend(record(0x114d, &site));
    first.extend(record(0x114e, &[]));
    first.extend(record(0x114f, &[]));
    let mut second = words(&[4]);
    second.extend(procedure("alloc::vec::impl$3::push", 0x80, 0x20));

    let mut ids = record(0x1605, &[&words(&[0])[..], b"core::num\0"].concat());
    ids.extend(record(
        0x1601,
        &[&words(&[0x1000, 0])[..], b"wrapping_add\0"].concat(),
    ));

    let modules = [
        module(
            "one-0123456789abcdef.one.1a2b3c4d5e6f7081-cgu.0.rcgu.o",
            5,
            first.len() as u32,
        ),
        module(
            "two-fedcba9876543210.two.8f7e6d5c4b3a2910-cgu.0.rcgu.o",
            6,
            second.len() as u32,
        ),
    ]
    .concat();
    let mut contributions = words(&[0xf12e_ba2d]);
    for (section, offset, size, module) in [
        (1, 0x00, 0x10, 0),
        (1, 0x10, 0x3d, 0),
        (1, 0x50, 0x2b, 0),
        (1, 0x80, 0x20, 1),
        (1, 0xa0, 0x38, 1),
        (2, 0x30, 0x40, 1),
    ] {
        contributions.extend(contribution(section, offset, size, module));
    }
    let mut debug = words(&[u32::MAX, 19_990_903, 1]);
    debug.extend(halves(&[u16::MAX, 0, u16::MAX, 0, 7, 0]));
    debug.extend(words(&[modules.len() as u32, contributions.len() as u32]));
    debug.resize(64, 0);
    debug.extend(modules);
    debug.extend(contributions);

    // What is public, with its mangled name.
    let public = [
        &words(&[2, 0xa0])[..],
        &halves(&[1])[..],
        b"_RNvCs8_3two3sum\0",
    ]
    .concat();
    let publics = record(0x110e, &public);
    container(&[
        Vec::new(),
        information,
        types(&[]),
        debug,
        types(&ids),
        first,
        second,
        publics,
    ])
}

#[test]
fn modules_and_contributions_name_crates() {
    let path = specimen("windows-x86_64.dll");
    let file = Mapping::open(&path).unwrap();
    let image = Image::parse(&path, &file).unwrap();
    let bytes = pdb(image.build_id().unwrap());
    let pdb = Pdb::parse(&bytes).unwrap();
    assert_eq!(Some(pdb.identity()), image.build_id());

    let symbols = pdb.symbols(&image);
    let catalogue = Catalogue::empty();
    let mut crates = Crates::new(&catalogue);
    let owners = SymbolOwners::new(&symbols, &mut crates);
    let mut code = CodeMap::new(&image, &symbols, &image.unwind_tables());
    code.name(&symbols, &owners, &mut crates);
    let found: Vec<_> = code
        .functions
        .iter()
        .map(|function| {
            let symbol = function
                .symbol
                .map(|at| &*symbols.symbols[at as usize].name);
            (
                symbol.unwrap_or_default(),
                &*crates.info(function.owner.defined).name,
                &*crates.info(function.owner.instantiated).name,
                (function.range.start.0 & 0xfff, function.range.size),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("", "one", "one", (0x000, 0x10)),
            ("one::one_entry", "one", "one", (0x010, 0x3d)),
            ("one::one_inner", "one", "one", (0x050, 0x2b)),
            // Written elsewhere, copied here.
            ("alloc::vec::impl$3::push", "alloc", "two", (0x080, 0x20)),
            ("_RNvCs8_3two3sum", "two", "two", (0x0a0, 0x38)),
        ]
    );
    let data: Vec<_> = symbols
        .symbols
        .iter()
        .filter(|symbol| symbol.kind == SymbolKind::Object)
        .map(|symbol| {
            (
                symbol.address.0 & 0xffff,
                symbol.size,
                owners.file_crate(symbol),
            )
        })
        .collect();
    let two = owners.file_crate(&symbols.symbols[2]);
    assert_eq!(data, [(0x2030, 0x40, two)]);

    let inlined = pdb.inlined(&image);
    assert_eq!(inlined.names, ["core::num::wrapping_add"]);
    let (range, name) = inlined.pieces[0];
    assert_eq!(inlined.pieces.len(), 1);
    assert_eq!(
        (range.start, range.size, name),
        (VirtualAddress(0x1_8000_1058), 5, 0)
    );
}

#[test]
fn a_damaged_pdb_does_no_harm() {
    let path = specimen("windows-x86_64.dll");
    let file = Mapping::open(&path).unwrap();
    let image = Image::parse(&path, &file).unwrap();
    let whole = pdb(image.build_id().unwrap());
    let check = |bytes: &[u8]| {
        let Some(pdb) = Pdb::parse(bytes) else { return };
        let symbols = pdb.symbols(&image);
        assert!(symbols.symbols.len() <= bytes.len());
        assert!(pdb.inlined(&image).pieces.len() <= bytes.len());
    };
    for length in (0..whole.len()).step_by(37) {
        check(&whole[..length]);
    }
    for at in 0..whole.len() {
        for value in [0, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            check(&bytes);
        }
    }
}
