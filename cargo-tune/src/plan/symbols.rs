//! Who reads the symbols of a program after it is linked, so that they must stay.

use super::change::Skipped;
use crate::knob::{Key, Knob};
use crate::project::Project;

/// A package whose tools read symbols, the start of the triples that it is about, and what they
/// read.
const READERS: &[(&str, &str, &str)] = &[
    (
        "defmt",
        "",
        "the host decodes defmt's messages with the program's symbol table; the table is not \
         loaded, so stripping it saves no flash",
    ),
    (
        "rtt-target",
        "",
        "debug probes find the channels of RTT by a symbol; symbols are not loaded, so stripping \
         them saves no flash",
    ),
    (
        "wasm-bindgen",
        "wasm",
        "wasm-bindgen reads the names and sections of the linked module, and removes them itself",
    ),
    (
        "aya-ebpf",
        "bpf",
        "the loader finds programs and maps by their symbols",
    ),
];

/// Packages that bring defmt with them: it reads a firmware's symbols through their transports.
const WITH_DEFMT: &[&str] = &[
    "defmt",
    "defmt-rtt",
    "defmt-itm",
    "defmt-semihosting",
    "defmt-test",
];

/// The linker script that every firmware with defmt is linked with.
const DEFMT_SCRIPT: &str = "defmt.x";

/// Why `strip = "symbols"` is left out of the plan.
pub(super) fn needed(project: &Project) -> Option<Skipped> {
    let (graph, triple) = (project.graph(), &project.effective.triple);
    let linked = |name: &str| {
        graph
            .has(name)
            .then(|| format!("`{name}` is linked, for {triple}"))
    };
    let mut readers = READERS.iter();
    let found = readers.find_map(|(name, start, reason)| {
        let evidence = match *name {
            "defmt" => WITH_DEFMT.iter().find_map(|n| linked(n)),
            name => linked(name),
        };
        let evidence = evidence.or_else(|| script(project).filter(|_| *name == "defmt"));
        Some((evidence.filter(|_| triple.starts_with(start))?, *reason))
    });
    let skipped = |reason: &str, evidence| {
        Skipped::new(Knob::Key(Key::Strip), reason.to_owned(), vec![evidence])
    };
    if let Some((evidence, reason)) = found {
        return Some(skipped(reason, evidence));
    }
    // Without an operating system, the usual readers are a dependency's tools.
    let is_bare = triple.contains("-none")
        || READERS
            .iter()
            .any(|r| !r.1.is_empty() && triple.starts_with(r.1));
    let why = graph.unknown.as_ref().filter(|_| is_bare)?;
    Some(skipped(
        "a dependency that is not known may need the symbols",
        why.clone(),
    ))
}

/// Where the flags or a build script name defmt's linker script.
fn script(project: &Project) -> Option<String> {
    let mut rows = project.rustflags_in_force();
    let row = rows.find(|row| row.value.flags().iter().any(|f| f.contains(DEFMT_SCRIPT)));
    if let Some(row) = row {
        return Some(format!(
            "the rustflags name {DEFMT_SCRIPT} ({})",
            row.origin
        ));
    }
    let members = project.workspace.members();
    let mut scripts = members
        .iter()
        .flat_map(|member| &member.targets)
        .filter(|target| target.is_custom_build())
        .map(|target| target.src_path.as_std_path());
    let names_it = |path: &&std::path::Path| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(DEFMT_SCRIPT))
    };
    let path = scripts.find(names_it)?;
    Some(format!("{} names {DEFMT_SCRIPT}", project.shown(path)))
}
