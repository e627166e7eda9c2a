//! Where threads begin: which functions have no caller worth missing.
//!
//! Unwind tables say it themselves (`_start` and `clone` have no return address). A chain of frame
//! pointers does not get that far: the C library, whose code has none, begins threads in functions
//! that call the program's. They are known by their names, or, where the library is stripped, by
//! being the library's and calling the program.

use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    image::{Image, SymbolKind},
};

/// glibc's and musl's functions between the kernel and the program.
const NAMES: [&str; 14] = [
    "_start",
    "_start_c",
    "__clone",
    "__clone3",
    "__clone_internal",
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "clone",
    "clone3",
    "libc_start_main_stage2",
    "start",
    "start_c",
    "start_thread",
];

/// Code without a size, of which no next function is known, is taken to have so many bytes: musl's code
/// at the entry point has 22, glibc's 38.
const UNSIZED: u64 = 40;

/// The functions of an image that threads begin with: by their names, and the one at the entry point,
/// whatever it is called. Both are often assembly, which need not say sizes: then the next symbol is
/// the end.
pub(super) fn roots(image: &Image<'_>) -> Vec<AddressRange> {
    let tables = [image.symbols(), image.dynamic_symbols()];
    let symbols = tables.iter().flat_map(|table| &table.symbols);
    let code = symbols.filter(|it| {
        let is_code = matches!(it.kind, SymbolKind::Function | SymbolKind::Untyped);
        it.section.is_some() && is_code && !it.name.starts_with(['.', '$'])
    });
    let mut code: Vec<_> = code.collect();
    code.sort_by_key(|symbol| symbol.address);
    let next = |start: VirtualAddress| {
        let after = code.partition_point(|symbol| symbol.address <= start);
        let next = code
            .get(after)
            .and_then(|it| it.address.checked_since(start));
        next.unwrap_or(UNSIZED)
    };
    let starts = |it: &codecost::image::Symbol<'_>| {
        let is_function = it.kind == SymbolKind::Function;
        it.address == image.entry || is_function && NAMES.contains(&&*it.name)
    };
    let mut found: Vec<AddressRange> = code
        .iter()
        .filter(|symbol| starts(symbol))
        .map(|symbol| match symbol.size {
            0 => Range::<VirtualAddress>::new(symbol.address, next(symbol.address)),
            size => Range::<VirtualAddress>::new(symbol.address, size),
        })
        .collect();
    // A stripped program has no name for it.
    if image.entry.0 != 0 && !found.iter().any(|range| range.contains(image.entry)) {
        found.push(Range::<VirtualAddress>::new(
            image.entry,
            next(image.entry).min(UNSIZED),
        ));
    }
    found
}

/// Whether a file is the C library, by its name.
pub(super) fn is_c_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["libc.so", "libc-", "libc.musl", "ld-musl", "libpthread"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Whether a file is the dynamic loader, which the kernel starts: nothing calls it.
pub(super) fn is_loader(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let prefixes = ["ld-linux", "ld-musl", "ld.so", "ld-2", "ld64.so"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_known_by_its_name() {
        assert!(is_c_library("/usr/lib/x86_64-linux-gnu/libc.so.6"));
        assert!(is_c_library("/lib/ld-musl-x86_64.so.1"));
        assert!(!is_c_library("/usr/lib/libcurl.so.4"));
        assert!(!is_c_library("/libc.so/program"));
        assert!(is_loader("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"));
        assert!(!is_loader("/usr/bin/ld"));
    }
}
