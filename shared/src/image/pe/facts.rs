//! What the loader of Windows needs, and how the image is protected.

use super::{
    super::{
        Image,
        needs::{Hardening, Library, LoaderNeeds},
    },
    Header, directories, symbols,
};
use std::collections::HashMap;

pub(crate) fn facts(image: &Image<'_>, header: &Header) -> LoaderNeeds {
    let mut libraries: Vec<Library> = Vec::new();
    // Import libraries of GNU tools make a descriptor of their own each, for the same library.
    let mut known: HashMap<(String, bool), usize> = HashMap::new();
    let mut add = |import: symbols::Import<'_>| {
        let name = String::from_utf8_lossy(import.library).into_owned();
        let key = (name.to_ascii_lowercase(), import.delayed);
        let at = *known.entry(key).or_insert(libraries.len());
        if let Some(same) = libraries.get_mut(at) {
            let functions = same.functions.unwrap_or_default();
            same.functions = Some(functions.saturating_add(import.count));
            return;
        }
        libraries.push(Library {
            name,
            version: None,
            compatible: None,
            optional: false,
            delayed: import.delayed,
            functions: Some(import.count),
            others: Vec::new(),
        });
    };
    symbols::each_import(header, image.bytes, &mut add);
    symbols::each_delayed_import(header, image.bytes, &mut add);
    LoaderNeeds {
        oldest_system: Some(system(header.least_system)),
        system_is_default: is_default(header.least_system),
        subsystem: Some(subsystem(header.subsystem)),
        hardening: hardening(image, header),
        ..LoaderNeeds::of_libraries(libraries)
    }
}

fn system((major, minor): (u16, u16)) -> String {
    let name = match (major, minor) {
        (5, 1) => "XP",
        (5, 2) => "Server 2003",
        (6, 0) => "Vista",
        (6, 1) => "7",
        (6, 2) => "8",
        (6, 3) => "8.1",
        (10, 0) => "10",
        _ => return format!("Windows NT {major}.{minor}"),
    };
    format!("Windows {name} ({major}.{minor})")
}

/// Whether a linker writes this version unless told otherwise: link.exe and lld-link 6.0, for ARM 6.2; GNU
/// ld 4.0, for x86-64 5.2.
fn is_default(version: (u16, u16)) -> bool {
    matches!(version, (4, 0) | (5, 2) | (6, 0) | (6, 2))
}

/// IMAGE_SUBSYSTEM_*
fn subsystem(number: u16) -> &'static str {
    match number {
        1 => "native",
        2 => "gui",
        3 => "console",
        10 => "efi-application",
        11 => "efi-boot-service-driver",
        12 => "efi-runtime-driver",
        13 => "efi-rom",
        _ => "other",
    }
}

fn hardening(image: &Image<'_>, header: &Header) -> Vec<Hardening> {
    // IMAGE_DLLCHARACTERISTICS_*
    let flag = |bit: u16| header.dll_characteristics & bit != 0;
    let entries = directories::debug_entries(header, image.bytes);
    // IMAGE_DEBUG_TYPE_EX_DLLCHARACTERISTICS
    let extended = entries.iter().find(|entry| entry.kind == 20);
    let extended = extended
        .and_then(|entry| header.at(image.bytes, entry.data.0)?.u32(0))
        .unwrap_or_default();
    vec![
        Hardening::flag("aslr", flag(0x0040)),
        Hardening::flag("high-entropy-aslr", flag(0x0020)),
        Hardening::flag("non-executable-data", flag(0x0100)),
        Hardening::flag("control-flow-guard", flag(0x4000)),
        Hardening::flag("shadow-stack", extended & 1 != 0),
        Hardening::flag("certificate", header.directory(4).is_some()),
    ]
}
