//! `cargo slim loads`: what the loader makes of the file, and what it needs for that.

use super::{
    envelope::report_of,
    listed::{self, JsonPackage},
};
use crate::analysis::{
    Analysis,
    model::{Counts, Hardening, Library, Loads, RequiredVersion, Resource, SegmentRow},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, OutputOptions, Page, Table, printable},
    units::{Bytes, counted, counted_as},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One row in JSON.
#[derive(Serialize)]
struct JsonSegment<'a> {
    name: &'a str,
    permissions: &'a str,
    address: Option<u64>,
    file: u64,
    memory: u64,
    loaded: bool,
}

impl<'a> JsonSegment<'a> {
    fn new(segment: &'a SegmentRow) -> Self {
        let SegmentRow {
            name,
            permissions,
            address,
            file,
            memory,
            loaded,
        } = segment;
        Self {
            name,
            permissions,
            address: address.map(|address| address.0),
            file: *file,
            memory: *memory,
            loaded: *loaded,
        }
    }
}

#[derive(Serialize)]
struct JsonVersion<'a> {
    library: &'a str,
    version: &'a str,
    symbols: &'a [String],
}

/// A library as Mach-O and PE ask for it.
#[derive(Serialize)]
struct JsonLibrary<'a> {
    name: &'a str,
    version: Option<&'a str>,
    compatible: Option<&'a str>,
    optional: bool,
    /// Whether it is loaded at the first call.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    delayed: bool,
    functions: Option<u32>,
    /// What else is imported, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    others: BTreeMap<&'static str, u32>,
}

impl<'a> JsonLibrary<'a> {
    fn new(library: &'a Library) -> Self {
        let Library {
            name,
            version,
            compatible,
            optional,
            delayed,
            functions,
            others,
        } = library;
        Self {
            name,
            version: version.as_deref(),
            compatible: compatible.as_deref(),
            optional: *optional,
            delayed: *delayed,
            functions: *functions,
            others: others.iter().copied().collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonHardening {
    name: &'static str,
    value: &'static str,
}

/// Entries of the tables that a loader and an unwinder read.
#[derive(Serialize)]
struct JsonCounts {
    exports: u64,
    pointers: u64,
    unwind_entries: u64,
}

impl JsonCounts {
    fn new(counts: Counts) -> Self {
        let Counts {
            exports,
            pointers,
            unwind_entries,
        } = counts;
        Self {
            exports,
            pointers,
            unwind_entries,
        }
    }
}

/// What only WebAssembly says.
#[derive(Serialize)]
struct JsonModule<'a> {
    exports: Vec<JsonExport<'a>>,
    resources: Vec<JsonResource>,
    /// The modules of a component.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    modules: Vec<JsonPart<'a>>,
    start: &'a [String],
    features: &'a [String],
    producers: &'a [String],
}

#[derive(Serialize)]
struct JsonPart<'a> {
    name: &'a str,
    file: u64,
}

#[derive(Serialize)]
struct JsonExport<'a> {
    kind: &'static str,
    name: &'a str,
}

impl<'a> JsonExport<'a> {
    fn new((kind, name): &'a (&'static str, String)) -> Self {
        Self { kind, name }
    }
}

/// Of a memory in pages of 64 KiB, of a table in entries.
#[derive(Serialize)]
struct JsonResource {
    kind: &'static str,
    minimum: u64,
    maximum: Option<u64>,
    shared: bool,
    imported: bool,
}

impl JsonResource {
    fn new(resource: &Resource) -> Self {
        let Resource {
            what,
            least,
            most,
            shared,
            imported,
        } = *resource;
        Self {
            kind: what,
            minimum: least,
            maximum: most,
            shared,
            imported,
        }
    }
}

impl JsonHardening {
    fn new(fact: &Hardening) -> Self {
        let Hardening { name, value } = *fact;
        Self { name, value }
    }
}

/// Shows the segments, and what the file needs to run.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Loads>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let loads = &analysis.rows;
    let Loads {
        segments,
        needed,
        versions,
        oldest_glibc,
        interpreter,
        run_paths,
        libraries,
        oldest_system,
        system_is_default,
        subsystem,
        hardening,
        exports,
        resources,
        modules,
        starts,
        features,
        producers,
        counts,
    } = loads;
    let is_wasm = analysis.artifact.format == "wasm";
    let table = table(segments, is_wasm);
    let listed = analysis.artifact.packages.as_ref();
    let packages = listed.map_or_else(Page::new, listed::page);
    let versions: Vec<_> = versions.iter().map(JsonVersion::new).collect();
    let libraries: Vec<_> = libraries.iter().map(JsonLibrary::new).collect();
    let hardening: Vec<_> = hardening.iter().map(JsonHardening::new).collect();
    let wasm = is_wasm.then(|| JsonModule {
        exports: exports.iter().map(JsonExport::new).collect(),
        resources: resources.iter().map(JsonResource::new).collect(),
        modules: modules
            .iter()
            .map(|(name, file)| JsonPart { name, file: *file })
            .collect(),
        start: starts,
        features,
        producers,
    });
    let report = report_of(analysis, "loads", table)
        .member("needed", needed)
        .member("versions", &versions)
        .member("oldest_glibc", oldest_glibc)
        .member("interpreter", interpreter)
        .member("run_paths", run_paths)
        .member("libraries", &libraries)
        .member("oldest_system", oldest_system)
        .member("oldest_system_is_default", system_is_default)
        .member("subsystem", subsystem)
        .member("hardening", &hardening)
        .member("counts", &JsonCounts::new(*counts))
        .after(requirements(loads, is_wasm).then(packages));
    let report = match listed {
        Some(_) => report.member("packages", &JsonPackage::all(listed, None)),
        None => report,
    };
    let report = match &wasm {
        Some(wasm) => report.member("wasm", wasm),
        None => report,
    };
    console.write_report(&report, options, JsonSegment::new)
}

/// One row a segment.
fn table(segments: &[SegmentRow], is_wasm: bool) -> Table<'_, SegmentRow> {
    Table::new(segments)
        .name("name", "Segment", |row| row.name.as_str().into())
        .text("permissions", "Access", |row| {
            row.permissions.as_str().into()
        })
        .number("address", "Address", |row| match row.address {
            Some(address) => Cell::Address(address.0),
            None => "by code".into(),
        })
        .number("file", "In file", |row| Cell::Bytes(row.file))
        .summed()
        .number("memory", "In memory", |row| Cell::Bytes(row.memory))
        .summed()
        .text("loaded", "Mapped", move |row| {
            match (row.loaded, is_wasm) {
                (true, _) => "yes",
                (false, true) => "by code",
                (false, false) => "within another",
            }
            .into()
        })
        .people_only()
        .text("loaded", "Mapped", |row| {
            if row.loaded { "true" } else { "false" }.into()
        })
        .machines_only()
        // Segments that are not mapped lie within those that are.
        .counting(|row| row.loaded)
        .total_label("mapped")
        // Memory that was packed has a segment for each run of bytes.
        .default_limit(if is_wasm { 20 } else { 0 })
}

impl<'a> JsonVersion<'a> {
    fn new(required: &'a RequiredVersion) -> Self {
        let RequiredVersion {
            library,
            version,
            symbols,
        } = required;
        Self {
            library,
            version,
            symbols,
        }
    }
}

/// What must be there at run time.
fn requirements(loads: &Loads, is_wasm: bool) -> Page {
    let list = |items: &[String]| match items {
        [] => "none".to_owned(),
        items => items.join(", "),
    };
    let needed = match &loads.libraries[..] {
        [] => list(&loads.needed),
        libraries => libraries.iter().map(library).collect::<Vec<_>>().join(", "),
    };
    let mut facts = vec![(if is_wasm { "imports" } else { "needs" }, needed)];
    facts.extend(of_wasm(loads));
    facts.extend(loads.interpreter.clone().map(|path| ("interpreter", path)));
    if !loads.run_paths.is_empty() {
        facts.push(("looks in", list(&loads.run_paths)));
    }
    if let Some(oldest) = &loads.oldest_glibc {
        facts.push((
            "oldest glibc",
            format!("{oldest}{}", because(loads, oldest)),
        ));
    }
    let system = loads.oldest_system.as_ref();
    let system = system.map(|system| match loads.system_is_default {
        true => format!("not said: the header has the linker's default, {system}"),
        false => system.clone(),
    });
    facts.extend(system.map(|system| ("oldest system", system)));
    let subsystem = loads.subsystem.map(str::to_owned);
    facts.extend(subsystem.map(|subsystem| ("subsystem", subsystem)));
    let protected = loads.hardening.iter();
    let protected = protected.map(|fact| format!("{} {}", fact.name, fact.value));
    let protected: Vec<_> = protected.collect();
    if !protected.is_empty() {
        facts.push(("hardening", protected.join(", ")));
    }
    let facts = facts.into_iter();
    let facts = facts.map(|(key, value)| (key.to_owned(), printable(&value).into_owned()));
    Page::new().heading("At run time").facts(facts.collect())
}

/// What only WebAssembly says.
fn of_wasm(loads: &Loads) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if !loads.modules.is_empty() {
        let modules = loads.modules.iter();
        let modules = modules.map(|(name, file)| format!("{name} {}", Bytes(*file)));
        facts.push(("made of", modules.collect::<Vec<_>>().join(", ")));
    }
    if !loads.exports.is_empty() {
        let names = loads.exports.iter().take(8).map(|(_, name)| name.as_str());
        let mut text = names.collect::<Vec<_>>().join(", ");
        if let Some(more) = loads.exports.len().checked_sub(8).filter(|more| *more > 0) {
            text.push_str(&format!(" and {}", counted(more as u64, "more export")));
        }
        facts.push(("exports", text));
    }
    for kind in ["memory", "table"] {
        let same = loads.resources.iter().filter(|one| one.what == kind);
        let all: Vec<String> = same.map(resource).collect();
        if !all.is_empty() {
            facts.push((kind, all.join("; ")));
        }
    }
    let lists = [
        ("starts with", &loads.starts),
        ("features", &loads.features),
        ("made by", &loads.producers),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    facts.extend(lists.map(|(name, list)| (name, list.join(", "))));
    facts
}

/// `1.1 MiB at first, at most 4.0 GiB, shared, imported`.
fn resource(resource: &Resource) -> String {
    let Resource {
        what,
        least,
        most,
        shared,
        imported,
    } = *resource;
    // Pages of memory have 64 KiB.
    let size = |count: u64| match what {
        "memory" => Bytes(count.saturating_mul(1 << 16)).to_string(),
        _ => counted_as(count, "entry", "entries"),
    };
    let mut text = format!("{} at first", size(least));
    text.extend(most.map(|most| format!(", at most {}", size(most))));
    for (word, holds) in [(", shared", shared), (", imported", imported)] {
        text.push_str(if holds { word } else { "" });
    }
    text
}

/// `KERNEL32.dll (54 functions)`, `libobjc.A.dylib 228.0`.
fn library(library: &Library) -> String {
    let mut text = match &*library.name {
        // As `wit-component` calls what it puts between modules.
        "" => "\"\"".to_owned(),
        name => name.to_owned(),
    };
    text.extend(library.version.iter().map(|version| format!(" {version}")));
    let functions = library.functions.map(u64::from);
    let counts = functions.map(|count| (count, "function"));
    let others = library.others.iter();
    let others = others.map(|(what, count)| (u64::from(*count), *what));
    let counts: Vec<String> = counts
        .filter(|(count, _)| *count > 0 || library.others.is_empty())
        .into_iter()
        .chain(others)
        .map(|(count, what)| counted(count, what))
        .collect();
    if !counts.is_empty() {
        text.push_str(&format!(" ({})", counts.join(", ")));
    }
    if library.optional {
        text.push_str(" (optional)");
    }
    if library.delayed {
        text.push_str(" (at the first call)");
    }
    text
}

/// Which symbols ask for that glibc: without them an older one would do.
fn because(loads: &Loads, oldest: &str) -> String {
    let asking = loads.versions.iter().filter(|required| {
        required
            .version
            .strip_prefix("GLIBC_")
            .unwrap_or(&required.version)
            == oldest.strip_prefix("GLIBC_").unwrap_or(oldest)
    });
    let symbols: Vec<_> = asking
        .flat_map(|required| required.symbols.iter())
        .collect();
    let Some((first, rest)) = symbols.split_first() else {
        return String::new();
    };
    let named = rest
        .iter()
        .take(2)
        .fold((*first).clone(), |text, symbol| text + ", " + symbol);
    match symbols.len().saturating_sub(3) {
        0 => format!(" because of {named}"),
        more => format!(
            " because of {named} and {}",
            counted(more as u64, "more symbol")
        ),
    }
}
