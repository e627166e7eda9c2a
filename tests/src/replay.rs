//! The whole of `cargo slim` on bytes in memory, with what must hold of any bytes: no panic, and
//! sums that are the file's size. What the fuzz targets and the replay of their corpus share.

use cargo_slim::analysis::{Analysis, Depth, Facts, Files, Opened, Rows, Subject, analyse};
use cargo_slim::options::{By, Input, Options, View};
use cargo_slim::report;
use codecost::attribution::Catalogue;
use codecost::console::{Console, Manners, Verbosity};
use codecost::demangle::Name;
use codecost::image::{Image, Mapping};
use codecost::report::{Format, OutputOptions};
use std::path::Path;

/// Every view, by every question.
const VIEWS: [View; 9] = [
    View::Overview,
    View::Sections,
    View::Crates(By::Defined),
    View::Crates(By::Instantiated),
    View::Crates(By::Inlined),
    View::Functions,
    View::Generics,
    View::Data,
    View::Loads,
];

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

/// Shows every view of `bytes`, as people and as programs read it. Whether they are an object file.
///
/// # Panics
///
/// When the ledger, the rows of the crates view or those of the sections view do not add up to the
/// length of `bytes`.
pub fn ledger(bytes: &[u8]) -> bool {
    let path = Path::new("bytes");
    let opened = Opened {
        files: Files {
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
    for view in VIEWS {
        let Ok(analysis) = analyse(&opened, &mut subject, view) else {
            assert!(matches!(view, View::Loads | View::Crates(By::Inlined)));
            continue;
        };
        sums(&analysis, view, length);
        for format in [Format::Human, Format::Json] {
            show(&analysis, view, format);
        }
    }
    true
}

fn sums(analysis: &Analysis<'_>, view: View, length: u64) {
    match &analysis.rows {
        Rows::Sections(rows) => {
            let sum: u64 = rows.iter().map(|row| row.file).sum();
            assert_eq!(sum, length, "{view:?}");
        }
        Rows::Crates(rows) => {
            let sum: u64 = rows.iter().map(|row| row.file).sum();
            assert_eq!(sum, length, "{view:?}");
            let memory: u64 = rows.iter().map(|row| row.memory).sum();
            assert_eq!(memory, analysis.total.memory, "{view:?}");
            for row in rows {
                let parts = row.code + row.data + row.unwind + row.relocations;
                let parts = parts + row.symbols + row.debug + row.other;
                assert_eq!(parts, row.file, "{view:?}, {row:?}");
                assert!(row.inferred <= row.file && row.shared <= row.file);
            }
        }
        // Bytes that several sections list count once each time, but not more often.
        Rows::Functions(rows) => {
            let sum: u64 = rows.iter().map(|row| row.file).sum();
            assert!(sum <= length.saturating_mul(4), "{view:?}");
        }
        Rows::Data(rows) => {
            let sum: u64 = rows.iter().map(|row| row.file).sum();
            assert!(sum <= length.saturating_mul(4), "{view:?}");
        }
        Rows::Overview(_) | Rows::Generics(_) | Rows::Loads(_) => {}
    }
}

fn show(analysis: &Analysis<'_>, view: View, format: Format) {
    let options = Options {
        view,
        input: Input::File {
            path: "bytes".into(),
            debug_file: None,
            selection: Default::default(),
        },
        common: Manners {
            output: OutputOptions {
                format,
                ..OutputOptions::default()
            },
            color: None,
            verbosity: Verbosity::default(),
        },
        hint: None,
    };
    let (mut console, captured) = Console::in_memory();
    report::write(analysis, &options, &mut console).unwrap();
    let text = captured.stdout();
    if format == Format::Json {
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    } else {
        // A name must not be able to drive the reader's terminal.
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{view:?}");
    }
}
