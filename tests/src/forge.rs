//! Files made to cost: each lists the same bytes, addresses or names again and again, so that a
//! reader that trusts it takes time or memory without relation to the file's size.

/// An entry of a section table, its content somewhere in the file's one block of bytes.
struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    address: u64,
    /// From the start of the block.
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
}

impl Section {
    fn new(name: &'static str, kind: u32, flags: u64, address: u64, size: usize) -> Self {
        Self {
            name,
            kind,
            flags,
            address,
            offset: 0,
            size: size as u64,
            link: 0,
            info: 0,
        }
    }
}

const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const RELA: u32 = 4;
const NOBITS: u32 = 8;
const DYNSYM: u32 = 11;
const RELR: u32 = 19;
const GNU_HASH: u32 = 0x6fff_fff6;
const VERNEED: u32 = 0x6fff_fffe;
const VERSYM: u32 = 0x6fff_ffff;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;
const COMPRESSED: u64 = 0x800;
/// Where loaded blocks are.
const BASE: u64 = 0x10000;

fn words(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(u64::to_le_bytes).collect()
}

fn halves(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A shared library for x86-64: `segments` as (type, whether it is the block), the block, and the
/// sections, numbered from 2.
fn elf(block: &[u8], segments: &[(u32, bool)], sections: &[Section]) -> Vec<u8> {
    let start = 64 + 56 * segments.len();
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut headers: Vec<u8> = vec![0; 64];
    let mut table = Vec::new();
    for section in sections {
        let at = names.windows(section.name.len() + 1).position(|name| {
            name.strip_suffix(b"\0")
                .is_some_and(|name| name == section.name.as_bytes())
        });
        let name = at.unwrap_or_else(|| {
            names.extend_from_slice(section.name.as_bytes());
            names.push(0);
            names.len() - 1 - section.name.len()
        });
        table.extend(halves([name as u32, section.kind]));
        let offset = section.offset + start as u64;
        table.extend(words([
            section.flags,
            section.address,
            offset,
            section.size,
        ]));
        table.extend(halves([section.link, section.info]));
        table.extend(words([1, 0]));
    }
    let names_at = start + block.len();
    headers.extend(halves([1, STRTAB]));
    headers.extend(words([0, 0, names_at as u64, names.len() as u64]));
    headers.extend(halves([0, 0]));
    headers.extend(words([1, 0]));
    headers.extend(table);

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    file.extend(words([BASE, 64, (names_at + names.len()) as u64]));
    file.extend(halves([0]));
    let counts = [
        64,
        56,
        segments.len() as u16,
        64,
        2 + sections.len() as u16,
        1,
    ];
    file.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
    for (kind, whole) in segments {
        let size = if *whole { block.len() as u64 } else { 1 };
        file.extend(halves([*kind, 5]));
        file.extend(words([start as u64, BASE, BASE, size, size, 1]));
    }
    file.extend_from_slice(block);
    file.extend_from_slice(&names);
    file.extend_from_slice(&headers);
    file
}

fn many(count: usize, section: impl Fn(u64) -> Section) -> Vec<Section> {
    (0..count as u64).map(section).collect()
}

/// RELA entries whose slots and targets are in the block itself.
fn rela(size: usize) -> Vec<u8> {
    let entries = (0..size as u64 / 24)
        .flat_map(|entry| [BASE + entry * 24, 8, BASE + entry * 20])
        .collect::<Vec<_>>();
    words(entries)
}

fn symbols(size: usize, name: u32) -> Vec<u8> {
    let mut table = vec![0; 24];
    for number in 1..size as u64 / 24 {
        table.extend(halves([name, 0x0002_0002]));
        table.extend(words([BASE + number * 8, 8]));
    }
    table
}

/// All files: `size` is that of the block, `count` how often it is listed.
pub fn all(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = of_sections(size, count);
    all.extend(of_unwind_tables(size, count));
    all.extend(of_names(size, count));
    all.extend(of_the_loader(size, count));
    all.extend(of_other_formats(size, count));
    all
}

fn of_sections(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let slots = rela(size);
    let data = || Section::new(".data", PROGBITS, ALLOC | WRITE, BASE, size);
    let relocations = || Section::new(".rela.dyn", RELA, ALLOC, 0, size);
    let with = |first: Section, rest: Vec<Section>| {
        let mut all = vec![first];
        all.extend(rest);
        all
    };
    // Every second word a bitmap of all slots that follow.
    let packed = words((0..size as u64 / 16).flat_map(|word| [BASE + word * 504, u64::MAX]));
    let compressed = {
        // A header that claims far more than zlib can make of the rest.
        let mut block = halves([1, 0]);
        block.extend(words([size as u64 * 1000, 1]));
        block.resize(size, 0);
        block
    };
    vec![
        (
            "one RELA table, listed often",
            elf(&slots, &[], &with(data(), many(count, |_| relocations()))),
        ),
        (
            "one RELR table, listed often",
            elf(
                &packed,
                &[],
                &with(
                    data(),
                    many(count, |_| Section::new(".relr.dyn", RELR, ALLOC, 0, size)),
                ),
            ),
        ),
        (
            "one block of data, listed often",
            elf(&slots, &[], &with(relocations(), many(count, |_| data()))),
        ),
        (
            "zeroes at one address, listed often",
            elf(
                &slots,
                &[],
                &with(
                    relocations(),
                    many(count, |_| {
                        Section::new(".bss", NOBITS, ALLOC | WRITE, BASE, 1 << 40)
                    }),
                ),
            ),
        ),
        (
            "more memory than there are addresses",
            elf(
                &slots,
                &[],
                &many(16, |number| {
                    Section::new(".bss", NOBITS, ALLOC, number << 60, usize::MAX)
                }),
            ),
        ),
        (
            "compressed sections that expand a thousandfold",
            elf(
                &compressed,
                &[],
                &many(count, |_| {
                    Section::new(".debug_info", PROGBITS, COMPRESSED, 0, size)
                }),
            ),
        ),
        (
            "as many segments as sections",
            elf(
                &slots,
                &vec![(1, false); count],
                &many(count, |number| Section {
                    offset: number * 16,
                    ..Section::new(".text", PROGBITS, 0, 0, 8)
                }),
            ),
        ),
    ]
}

fn of_unwind_tables(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let half = size / 2;
    // A common entry whose text does not end, and many entries that refer to it.
    let mut endless = halves([half as u32 - 4, 0]);
    endless.push(1);
    endless.resize(half, b'z');
    while endless.len() + 16 <= size {
        let back = endless.len() as u32 + 4;
        endless.extend(halves([12, back, 0x1000, 16]));
    }
    let mut frames = halves([16, 0]);
    frames.extend_from_slice(b"\x01zR\0\x01\x78\x10\x01\x1b\0\0\0");
    while frames.len() + 20 <= size {
        let back = frames.len() as u32 + 4;
        frames.extend(halves([16, back, 100, 4, 0]));
    }
    let part = (size / count).max(40);
    let section = |size| Section::new(".eh_frame", PROGBITS, ALLOC, BASE, size);
    vec![
        (
            "a damaged common entry, referred to often",
            elf(&endless, &[], &[section(endless.len())]),
        ),
        (
            "an unwind table, listed often",
            elf(&frames, &[], &many(count, |_| section(frames.len()))),
        ),
        (
            "many unwind tables",
            elf(
                &frames,
                &[],
                &many(count, |number| Section {
                    address: BASE + number,
                    ..section(part)
                }),
            ),
        ),
    ]
}

fn of_names(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let half = size / 2;
    let tables = |strings: &[u8], symbols: &[u8], more: Vec<Section>| {
        let block = [strings, symbols].concat();
        let mut sections = vec![
            Section::new(".text", PROGBITS, ALLOC | EXECUTE, BASE, block.len()),
            Section {
                offset: strings.len() as u64,
                link: 4,
                ..Section::new(".symtab", SYMTAB, 0, 0, symbols.len())
            },
            Section::new(".strtab", STRTAB, 0, 0, strings.len()),
        ];
        sections.extend(more);
        elf(&block, &[], &sections)
    };
    let mut long = vec![b'a'; half];
    long[0] = 0;
    long[half - 1] = 0;
    let mut unit = long.clone();
    let end = b".0123456789abcdef-cgu.0\0";
    unit[half - end.len()..].copy_from_slice(end);
    let mut under_unit = vec![0; 24];
    under_unit.extend(halves([1, 0xfff1_0004]));
    under_unit.extend(words([0, 0]));
    under_unit.extend_from_slice(&symbols(half, half as u32 - 2)[24..]);

    // One crate's name with thousands of hashes.
    let digits: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let (mut hashes, mut entries) = (b"\0".to_vec(), vec![0; 24]);
    for number in 0..half / 42 {
        entries.extend(halves([hashes.len() as u32, 0x0002_0012]));
        entries.extend(words([BASE + number as u64 * 8, 8]));
        let digit = |place: usize| digits[number / digits.len().pow(place as u32) % digits.len()];
        let name = format!("_RNvCs{}{}{}_1a1b\0", digit(0), digit(1), digit(2));
        hashes.extend_from_slice(name.as_bytes());
    }
    let exported = symbols(size, 1);
    let tables_of = |name, kind| Section::new(name, kind, ALLOC, 0, exported.len());
    let mut versions = vec![Section {
        link: 1,
        ..tables_of(".dynsym", DYNSYM)
    }];
    versions.extend(many(count, |_| tables_of(".gnu.version", VERSYM)));
    versions.extend(many(count, |_| tables_of(".gnu.hash", GNU_HASH)));
    vec![
        (
            "one long name for all symbols",
            tables(&long, &symbols(half, 1), Vec::new()),
        ),
        (
            "a long name of a unit with many functions",
            tables(&unit, &under_unit, Vec::new()),
        ),
        (
            "one crate with many hashes",
            tables(&hashes, &entries, Vec::new()),
        ),
        (
            "many tables of versions and hashes",
            elf(&exported, &[], &versions),
        ),
    ]
}

fn of_the_loader(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    // DT_STRTAB and DT_STRSZ: the block is its own string table.
    let strings = [5, BASE, 10, size as u64];
    let needed =
        (0..size as u64 / 64).flat_map(|entry| [[1, 15, 29][entry as usize % 3], size as u64 / 2]);
    let mut needed = words(strings.into_iter().chain(needed).chain([0, 0]));
    needed.resize(size - 1, b':');
    needed.push(0);
    // Version needs that follow each other byte by byte, each with 65535 versions.
    let mut versions = words(strings.into_iter().chain([0, 0]));
    while versions.len() + 16 <= size {
        versions.extend(halves([0xffff_0001, 0, 1, 1]));
    }
    let table = Section {
        offset: 48,
        info: u32::MAX,
        ..Section::new(".gnu.version_r", VERNEED, ALLOC, 0, versions.len() - 48)
    };
    vec![
        (
            "one long name for all libraries",
            elf(&needed, &[(1, true), (2, true)], &[]),
        ),
        (
            "versions that overlap",
            elf(&versions, &[(1, true), (2, true)], &[table]),
        ),
        (
            "many interpreters",
            elf(&vec![b'a'; size], &vec![(3, true); count], &[]),
        ),
    ]
}

fn of_other_formats(size: usize, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut archive = format!("!<arch>\n{:48}{:<10}`\n", "//", size).into_bytes();
    archive.resize(archive.len() + size - 2, b'a');
    archive.extend_from_slice(b"/\n");
    for number in 0..count {
        let name = format!("/{number}");
        archive.extend_from_slice(format!("{name:48}{:<10}`\n", 0).as_bytes());
    }

    let mut long = vec![b'a'; size];
    long[size - 1] = 0;
    let mut coff = halves([0x8664, 0, 20, count as u32, 0]);
    for _ in 0..count {
        coff.extend(halves([0, 4, 0]));
        coff.extend_from_slice(&[1, 0, 0x20, 0, 2, 0]);
    }
    coff.extend(halves([size as u32 + 4]));
    coff.extend_from_slice(&long);

    let header = |commands: u32, size: usize| {
        halves([0xfeed_facf, 0x0100_0007, 3, 6, commands, size as u32, 0, 0])
    };
    let mut names = header(1, 24);
    names.extend(halves([
        2,
        24,
        56,
        count as u32,
        56 + 16 * count as u32,
        size as u32,
    ]));
    for number in 0..count as u64 {
        names.extend(halves([0, 0x010f]));
        names.extend(words([number]));
    }
    names.extend_from_slice(&long);

    let mut libraries = header(count as u32, 24 * count);
    for _ in 0..count {
        libraries.extend(halves([12, 24, 40, 0, 0, 0]));
    }
    libraries.extend_from_slice(&long);
    vec![
        ("an archive of one long name", archive),
        ("a COFF file of one long name", coff),
        ("a Mach-O file of one long name", names),
        ("a Mach-O file of many libraries", libraries),
    ]
}
