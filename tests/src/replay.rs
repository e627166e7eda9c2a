//! The whole of `cargo slim` on bytes in memory, with what must hold of any bytes: no panic, and
//! sums that are the file's size. What the fuzz targets and the replay of their corpus share.

use cargo_slim::analysis::model::{By, RetainedBy};
use cargo_slim::analysis::{
    self, Analysis, Depth, Facts, Files, Opened, RetainedOptions, Subject, Wanted,
};
use cargo_slim::report;
use codecost::attribution::{Catalogue, PackageList};
use codecost::console::Console;
use codecost::demangle::Name;
use codecost::image::{Image, Mapping, pdb::Pdb};
use codecost::report::{Format, OutputOptions};
use codecost::{Error, Result};
use std::path::Path;

/// Reads the tables of `bytes`, one after the other, whatever becomes of the others.
///
/// # Panics
///
/// When a table says more than the file can.
pub fn image(bytes: &[u8]) {
    let Ok(image) = Image::parse(Path::new("bytes"), bytes) else {
        return;
    };
    let length = bytes.len() as u64;
    let (mut file, mut memory) = (0, 0_u64);
    for section in &image.sections {
        assert!(section.file.end().0 <= length, "{section:?}");
        file += section.file.size;
        memory = memory.checked_add(section.memory).unwrap();
        let content = image.section_content(section);
        let size = content.map_or(0, |content| content.len());
        assert!(size as u64 <= length * 64, "{section:?}");
    }
    assert!(file <= length * 4, "sections of {file} bytes");
    let symbols = image.symbols();
    let dynamic = image.dynamic_symbols();
    let names: usize = symbols.symbols.iter().map(|s| s.name.len()).sum();
    assert!(names <= bytes.len() * 24, "names of {names} bytes");
    let tables = image.relocations(&dynamic);
    let relocations: usize = tables.iter().map(|table| table.relocations.len()).sum();
    // One word of eight bytes stands for at most 63 slots.
    assert!(relocations <= bytes.len() * 32, "{relocations} relocations");
    if !image.parts.is_empty() {
        let tables = image.relocations(&symbols);
        let relocations: usize = tables.iter().map(|table| table.relocations.len()).sum();
        assert!(relocations <= bytes.len(), "{relocations} relocations");
        let unwind = image.unwind_of_parts(&tables);
        assert!(unwind.entries.len() <= bytes.len());
    }
    assert!(image.stack_sizes().len() <= bytes.len());
    let unwind = image.unwind_tables();
    assert!(unwind.entries.len() <= bytes.len());
    if let Ok(needs) = image.loader_needs() {
        let versions = needs.versions.iter();
        let names = versions.flat_map(|version| [&version.library, &version.version]);
        let names = names.chain(&needs.libraries).chain(&needs.run_paths);
        let names: usize = names.map(|name| name.len() + 1).sum();
        let limit = bytes.len() * 32 + (1 << 18);
        assert!(names <= limit, "names for the loader of {names} bytes");
    }
    if let Some(shipped) = image.shipped_size() {
        assert!(shipped <= length);
    }
}

/// Reads `bytes` as the section with a list of packages, and as a document beside a file.
///
/// # Panics
///
/// When a list has more than its text can say.
pub fn packages(bytes: &[u8]) {
    let lists = [
        // Deflate makes at most 1032 bytes of one.
        (PackageList::of_section(bytes), bytes.len() * 1032),
        (
            PackageList::of_document(Path::new("bom.json"), bytes),
            bytes.len(),
        ),
    ];
    for (list, most) in lists {
        let packages = list.map(|list| list.packages).unwrap_or_default();
        let names = packages.iter().map(|it| it.name.len() + it.version.len());
        assert!(names.sum::<usize>() <= most);
    }
}

/// Reads a merged profile of LLVM.
///
/// # Panics
///
/// When it has more functions or counts than it has bytes for.
pub fn profile(bytes: &[u8]) {
    let Ok(weight) = cargo_tune::pgo::indexed::weight(bytes) else {
        return;
    };
    // Of a function there are its name's length and its data's, at the least.
    assert!(weight.functions <= bytes.len() as u64 / 16, "{weight:?}");
    assert!(weight.functions > 0 || weight.counts == 0, "{weight:?}");
}

/// A library for Windows, whose PDB `bytes` are taken for.
const LIBRARY: &[u8] = include_bytes!("../../fuzz/corpus/ledger/windows-x86_64.dll");

/// Reads all of a PDB.
///
/// # Panics
///
/// When it says more than it can.
pub fn pdb(bytes: &[u8]) {
    let Some(pdb) = Pdb::parse(bytes) else { return };
    let image = Image::parse(Path::new("library"), LIBRARY).unwrap();
    let symbols = pdb.symbols(&image);
    assert!(symbols.symbols.len() <= bytes.len());
    let names: usize = symbols.symbols.iter().map(|it| it.name.len()).sum();
    assert!(names <= bytes.len() * 2, "names of {names} bytes");
    let inlined = pdb.inlined(&image);
    assert!(inlined.pieces.len() <= bytes.len() * 2);
}

/// Reads WebAssembly: a byte that says whether a module or a component, and what follows its header.
///
/// # Panics
///
/// As [`image`] and [`ledger`].
pub fn wasm(bytes: &[u8]) {
    let Some((kind, sections)) = bytes.split_first() else {
        return;
    };
    let version = match kind & 1 {
        0 => [1, 0, 0, 0],
        _ => [13, 0, 1, 0],
    };
    let bytes = [b"\0asm", &version[..], sections].concat();
    image(&bytes);
    assert!(ledger(&bytes), "refused");
}

/// Looks for a native file in a package, and for the regions of a linker script.
///
/// # Panics
///
/// When more is unpacked than the package's size allows.
pub fn package(bytes: &[u8]) {
    let unpacked = analysis::package::unpack(bytes);
    assert!(
        unpacked <= bytes.len() as u64 * 64 + (1 << 20),
        "{unpacked}"
    );
    let _ = analysis::regions::listed(bytes);
}

/// Asks for every form of a name.
///
/// # Panics
///
/// When a form is longer than names may become.
pub fn demangle(symbol: &str) {
    let name = Name::parse(symbol);
    let forms = [name.full(), name.short(), name.family(), name.family_key()];
    for form in forms {
        assert!(form.len() <= symbol.len().saturating_mul(64) + (1 << 17));
    }
    let _ = (name.scheme(), name.suffix(), name.part(), name.is_generic());
    let _ = (
        name.defining(),
        name.instantiating(),
        name.defining_is_exact(),
    );
}

/// Makes every analysis of `bytes`, and shows each as people and as programs read it. Whether they
/// are an object file.
///
/// # Panics
///
/// When the ledger, the rows of crates or those of sections do not add up to the length of `bytes`.
pub fn ledger(bytes: &[u8]) -> bool {
    let path = Path::new("bytes");
    let opened = Opened {
        files: Files {
            slices: Vec::new(),
            file: Mapping::of_bytes(path, bytes).unwrap(),
            debug: None,
            shared_debug: None,
            catalogue: Catalogue::empty(),
        },
        facts: Facts::default(),
    };
    let Ok(mut subject) = Subject::new(&opened.files, Depth::Bytes) else {
        return false;
    };
    let length = bytes.len() as u64;
    let ledger = subject.ledger(&[]);
    assert_eq!(ledger.total().file, length, "the ledger");
    let objects = ledger.data.len();
    assert!(objects <= bytes.len() * 4, "{objects} objects");

    let made = analysis::overview(&opened, &mut subject, usize::MAX).unwrap();
    show(&made, report::overview::write);

    let made = analysis::sections(&opened, &subject).unwrap();
    let sum: u64 = made.rows.iter().map(|row| row.file).sum();
    assert_eq!(sum, length, "sections");
    show(&made, report::sections::write);

    for by in [By::Defined, By::Instantiated, By::Inlined] {
        crates(&opened, &mut subject, by, length);
    }

    // Bytes that several sections list count once each time, but not more often.
    let most = length.saturating_mul(4);
    let made = analysis::functions(&opened, &subject).unwrap();
    let sum: u64 = made.rows.iter().map(|row| row.file).sum();
    assert!(sum <= most, "functions");
    show(&made, report::functions::write);

    let made = analysis::generics(&opened, &subject).unwrap();
    show(&made, report::generics::write);

    let made = analysis::data(&opened, &mut subject, usize::MAX).unwrap();
    let sum: u64 = made.rows.iter().map(|row| row.file).sum();
    assert!(sum <= most, "data");
    show(&made, report::data::write);

    graph(&opened, &mut subject, length);

    // Not every object file is for a loader.
    match analysis::loads(&opened, &subject) {
        Ok(made) => show(&made, report::loads::write),
        Err(error) => assert!(!matches!(error, Error::Usage { .. }), "{error}"),
    }
    true
}

/// What rests on the graph of references.
fn graph(opened: &Opened, subject: &mut Subject<'_>, length: u64) {
    let ledger = subject.ledger(&[]);
    for by in [RetainedBy::Function, RetainedBy::Crate, RetainedBy::Generic] {
        let options = RetainedOptions {
            by,
            without: Vec::new(),
            numbers: true,
        };
        let made = analysis::retained(opened, subject, &ledger, &options).unwrap();
        let graph = made.rows.graph;
        let whole = graph.known + graph.unknown;
        // Code and data; padding between functions may be listed once more.
        assert!(whole <= length.saturating_mul(8), "{whole} bytes");
        for row in &made.rows.rows {
            assert!(
                row.own <= row.retained && row.uncertain <= row.retained,
                "{row:?}"
            );
            assert!(
                row.retained <= row.shipped && row.retained <= whole,
                "{row:?}"
            );
        }
        show(&made, |made, options, console| {
            report::retained::write(made, by, options, console)
        });
    }
    let made = analysis::language(opened, subject, &ledger).unwrap();
    show(&made, report::language::write);
    let all = Wanted::parse("/./").unwrap();
    match analysis::why(opened, subject, &ledger, &all, 3) {
        Ok(made) => show(&made, report::why::write),
        Err(error) => assert!(matches!(error, Error::Usage { .. }), "{error}"),
    }
}

fn crates(opened: &Opened, subject: &mut Subject<'_>, by: By, length: u64) {
    let made = match analysis::crates(opened, subject, by) {
        Ok(made) => made,
        // That needs debug information.
        Err(error) => {
            assert_eq!(by, By::Inlined, "{error}");
            return;
        }
    };
    let sum: u64 = made.rows.iter().map(|row| row.file).sum();
    assert_eq!(sum, length, "{by:?}");
    let memory: u64 = made.rows.iter().map(|row| row.memory).sum();
    assert_eq!(memory, made.total.memory, "{by:?}");
    let shipped: u64 = made.rows.iter().map(|row| row.shipped).sum();
    assert_eq!(shipped, made.total.shipped.unwrap_or(length), "{by:?}");
    for row in &made.rows {
        assert_eq!(row.parts.sum(), Some(row.file), "{by:?}, {row:?}");
        assert!(row.inferred <= row.file && row.shared <= row.file);
    }
    show(&made, |made, options, console| {
        report::crates::write(made, by, options, console)
    });
}

fn show<R>(
    made: &Analysis<R>,
    write: impl Fn(&Analysis<R>, &OutputOptions, &mut Console) -> Result<()>,
) {
    for format in [Format::Human, Format::Json] {
        let options = OutputOptions {
            format,
            ..OutputOptions::default()
        };
        let (mut console, captured) = Console::in_memory();
        write(made, &options, &mut console).unwrap();
        let text = captured.stdout();
        if format == Format::Json {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        } else {
            // A name must not be able to drive the reader's terminal.
            let control = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{text}");
        }
    }
}
