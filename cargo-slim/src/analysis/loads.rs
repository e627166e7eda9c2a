//! What the loader does with the file, and what it needs to run.

use super::{
    model::{Counts, Loads, RequiredVersion, SegmentRow},
    open::Opened,
    result::Analysis,
    subject::Subject,
};
use codecost::{
    Error, Result,
    address::VirtualAddress,
    image::{Binding, Format, Image, Relocation},
};

/// Segments, and what the file needs to run.
///
/// # Errors
///
/// The file is not for a loader, its dynamic tables are damaged, or it changed while it was read.
pub fn loads(opened: &Opened, subject: &Subject<'_>) -> Result<Analysis<Loads>> {
    subject.one_image()?;
    Analysis::new(opened, subject, view(subject)?, [])
}

fn view(subject: &Subject<'_>) -> Result<Loads> {
    let image = &subject.image;
    if image.segments.is_empty() && image.modules().is_empty() {
        let format = image.format.as_str();
        return Err(Error::failed(
            format_args!("this {format} file has no segments for a loader to map"),
            "`cargo slim sections` shows what it is made of",
        ));
    }
    let segments = image.segments.iter();
    let segments = segments
        .map(|segment| SegmentRow {
            name: segment.name.clone(),
            permissions: [
                (segment.readable, 'r'),
                (segment.writable, 'w'),
                (segment.executable, 'x'),
            ]
            .iter()
            .map(|(set, letter)| if *set { *letter } else { '-' })
            .collect(),
            address: Some(segment.address),
            file: segment.file.size,
            memory: segment.memory,
            loaded: segment.loaded,
        })
        .chain(of_modules(image));
    let segments = segments.collect();
    let needs = subject.image.loader_needs()?;
    Ok(Loads {
        segments,
        needed: needs.libraries,
        oldest_glibc: needs.oldest_glibc,
        versions: needs
            .versions
            .into_iter()
            .map(|version| RequiredVersion {
                library: version.library,
                version: version.version,
                symbols: version.symbols,
            })
            .collect(),
        interpreter: needs.interpreter,
        run_paths: needs.run_paths,
        libraries: needs.details,
        oldest_system: needs.oldest_system,
        system_is_default: needs.system_is_default,
        subsystem: needs.subsystem,
        hardening: needs.hardening,
        exports: needs.exports,
        resources: needs.resources,
        modules: needs.modules,
        starts: needs.starts,
        features: needs.features,
        producers: needs.producers,
        counts: counts(subject),
    })
}

/// Linear in the tables.
fn counts(subject: &Subject<'_>) -> Counts {
    let image = &subject.image;
    let symbols = subject.dynamic_symbols.symbols.iter();
    let offered = symbols.filter(|it| it.section.is_some() && it.binding != Binding::Local);
    let exports = match image.format {
        Format::Elf | Format::Pe => offered.count(),
        _ => image.exports().len(),
    };
    let relocations = subject.relocations();
    let tables = relocations.iter().filter(|table| !table.guessed);
    // Apple's loader binds names by a table of their own.
    let counts = |slot: &&Relocation| image.format != Format::MachO || slot.target.is_some();
    let pointers = tables.map(|table| table.relocations.iter().filter(counts).count());
    Counts {
        exports: exports as u64,
        pointers: pointers.sum::<usize>() as u64,
        unwind_entries: subject.unwind.entries.len() as u64,
    }
}

/// The data segments of WebAssembly, which the engine, or where they are passive the code, copies
/// into the linear memory.
fn of_modules<'i>(image: &'i Image<'_>) -> impl Iterator<Item = SegmentRow> + 'i {
    let several = image.modules().len() > 1;
    let modules = image.modules().iter().enumerate();
    modules.flat_map(move |(number, module)| {
        let segments = module.segments().iter().enumerate();
        segments.map(move |(at, segment)| SegmentRow {
            name: match several {
                true => {
                    let label = image.module_label(number).unwrap_or_default();
                    format!("{label}: data {at}")
                }
                false => format!("data {at}"),
            },
            permissions: "rw-".into(),
            address: segment.address.map(VirtualAddress),
            file: segment.file.size,
            memory: segment.file.size,
            loaded: !segment.passive,
        })
    })
}
