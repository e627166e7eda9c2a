//! Symbols that mark a place and name nothing.

use codecost::{
    address::VirtualAddress,
    image::{Image, SectionKind, Symbol, SymbolKind},
};

/// Whether a linker, or its script, has made this symbol: it has no size, no object file, and a name
/// of C, and stands where a section or a segment begins or ends (`__bss_start`, `_end`,
/// `__init_array_start`, `_GLOBAL_OFFSET_TABLE_`).
pub(super) fn is_made_by_linker(image: &Image<'_>, symbol: &Symbol<'_>) -> bool {
    let plain = symbol.size == 0
        && matches!(symbol.kind, SymbolKind::Untyped | SymbolKind::Object)
        && !symbol.name.starts_with("_R")
        && !symbol.name.starts_with("_ZN");
    let Some(of) = symbol
        .section
        .and_then(|at| image.sections.get(at as usize))
    else {
        return false;
    };
    let at = symbol.address;
    let code = of.kind == SectionKind::Code && of.addresses().contains(at);
    let edge = |start: VirtualAddress, size: u64| {
        let end = start.0.saturating_add(size);
        at == start || at.0 == end || (end < at.0 && at.0 - end < 16)
    };
    plain
        && !code
        && (!of.addresses().contains(at)
            || edge(of.address, of.memory)
            || image
                .segments
                .iter()
                .any(|segment| edge(segment.address, segment.memory)))
}
