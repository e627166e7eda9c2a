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

/// Why `strip = "symbols"` is left out of the plan.
pub(super) fn needed(project: &Project) -> Option<Skipped> {
    let (graph, triple) = (project.graph(), &project.effective.triple);
    let mut readers = READERS.iter();
    let (package, _, reason) =
        readers.find(|(name, start, _)| triple.starts_with(start) && graph.has(name))?;
    let evidence = vec![format!("`{package}` is linked, for {triple}")];
    Some(Skipped::new(Knob::Key(Key::Strip), *reason, evidence))
}
