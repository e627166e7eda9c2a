//! What the loader, or whoever loads the file, asks for.

use super::{
    inputs::{FIRST, Inputs},
    places::Places,
};
use codecost::{
    address::VirtualAddress,
    disasm::ThreadDistance,
    image::{Binding, Format, Image, Section, Segment, SymbolKind},
};

/// Why something is in the file though nothing in it may refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKind {
    /// Execution starts there.
    Entry,
    /// It runs before `main` or after it.
    Init,
    /// Others may ask for it by its name.
    Export,
}

/// Something that the linker keeps in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// Its node.
    pub node: u32,
    /// Why it is kept.
    pub kind: RootKind,
}

/// All roots, each node once.
pub(super) fn find(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>) -> Vec<Root> {
    let image = inputs.image;
    let mut roots = Vec::new();
    if image.entry != VirtualAddress(0)
        && let Some(node) = places.node_at(image.entry)
    {
        let kind = RootKind::Entry;
        roots.push(Root { node, kind });
    }
    let runs = |section: u32| {
        let section = image.sections.get(section as usize);
        section.is_some_and(|section| is_run(&section.name))
    };
    for (object, at) in inputs.objects.iter().zip(0..) {
        if runs(object.section) {
            let (node, kind) = (places.object_node(at), RootKind::Init);
            roots.push(Root { node, kind });
        }
    }
    for (function, at) in inputs.code.functions.iter().zip(0..) {
        if runs(function.section) {
            let (node, kind) = (FIRST + at, RootKind::Init);
            roots.push(Root { node, kind });
        }
    }
    for target in init_offsets(image) {
        if let Some(node) = places.node_at(target) {
            let kind = RootKind::Init;
            roots.push(Root { node, kind });
        }
    }
    // Apple's linkers and lld drop what a program exports and nothing refers to (`-dead_strip`), so its
    // trie lists what happened to stay. Libraries keep theirs.
    let exports = match image.format {
        Format::MachO if !image.library => Vec::new(),
        _ => image.exports(),
    };
    for symbol in exports.iter().chain(&inputs.dynamic_symbols.symbols) {
        let seen = symbol.section.is_some() && symbol.binding != Binding::Local;
        if !seen {
            continue;
        }
        let node = match symbol.kind {
            SymbolKind::Tls => {
                let distance = symbol.address.0.cast_signed();
                places.threads.node_of(ThreadDistance::First(distance))
            }
            _ => places.node_at(symbol.address),
        };
        if let Some(node) = node {
            let kind = RootKind::Export;
            roots.push(Root { node, kind });
        }
    }
    // The strongest reason of each.
    roots.sort_unstable();
    roots.dedup_by_key(|root| root.node);
    roots
}

/// What runs before `main` by a list of distances from the image's start, in place of pointers that the
/// loader would have to change (`S_INIT_FUNC_OFFSETS`).
fn init_offsets(image: &Image<'_>) -> Vec<VirtualAddress> {
    let of_name = |section: &&Section<'_>| section.name == "__init_offsets";
    let Some(section) = image.sections.iter().find(of_name) else {
        return Vec::new();
    };
    // The header is what the first segment with content begins with.
    let mapped = |segment: &&Segment| segment.loaded && segment.file.size > 0;
    let Some(start) = image.segments.iter().find(mapped) else {
        return Vec::new();
    };
    let bytes = image.bytes_at(section.address).unwrap_or_default();
    let size = usize::try_from(section.memory).unwrap_or(usize::MAX);
    let offsets = bytes.get(..size).unwrap_or(bytes).chunks_exact(4);
    offsets
        .filter_map(|four| Some(u32::from_le_bytes(four.try_into().ok()?)))
        .filter_map(|offset| start.address.checked_add(u64::from(offset)))
        .collect()
}

/// Whether the loader runs what is in a section of this name, or what the pointers in it lead to.
fn is_run(name: &str) -> bool {
    const ARRAYS: [&str; 3] = [".init_array", ".fini_array", ".preinit_array"];
    matches!(
        name,
        ".init" | ".fini" | ".ctors" | ".dtors" | "__mod_init_func" | "__mod_term_func"
    ) || ARRAYS.iter().any(|array| name.starts_with(array))
}
