//! What the loader of macOS needs, and how the image is protected.

use super::{
    super::{
        Image,
        fields::Fields,
        needs::{Hardening, Library, LoaderNeeds},
    },
    Commands,
    commands::Part,
    range,
};
use std::borrow::Cow;

/// MH_PIE, MH_ALLOW_STACK_EXECUTION, MH_NO_HEAP_EXECUTION
const PIE: u32 = 0x0020_0000;
const STACK_EXECUTION: u32 = 0x0002_0000;

/// MH_EXECUTE
const EXECUTABLE: u32 = 2;

pub(crate) fn facts(image: &Image<'_>, commands: &Commands) -> LoaderNeeds {
    let fields = Fields {
        bytes: image.bytes,
        little_endian: image.little_endian,
    };
    let text = |at: u64, field: u64| {
        let text = text_of(fields, at, field)?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let libraries = commands.libraries.iter().filter_map(|(at, command)| {
        Some(Library {
            name: text(*at, 8)?,
            version: fields.u32(at + 16).map(version),
            compatible: fields.u32(at + 20).map(version),
            // LC_LOAD_WEAK_DYLIB
            optional: *command == 0x8000_0018,
            delayed: false,
            functions: None,
            others: Vec::new(),
        })
    });
    let libraries: Vec<Library> = libraries.collect();
    let run_paths = commands.run_paths.iter();
    LoaderNeeds {
        run_paths: run_paths.filter_map(|at| text(*at, 8)).collect(),
        interpreter: commands.loader.and_then(|at| text(at, 8)),
        oldest_system: commands
            .build
            .map(|(platform, least, _)| format!("{} {}", platform_name(platform), version(least))),
        hardening: hardening(image, commands),
        ..LoaderNeeds::of_libraries(libraries)
    }
}

/// The name that a library has for those that are linked with it (LC_ID_DYLIB).
pub(crate) fn install_name<'d>(image: &Image<'d>, commands: &Commands) -> Option<Cow<'d, str>> {
    let fields = Fields {
        bytes: image.bytes,
        little_endian: image.little_endian,
    };
    let text = text_of(fields, commands.identity?, 8)?;
    Some(String::from_utf8_lossy(text))
}

/// A text stands inside of its command at `at`, after as many bytes as the field says.
fn text_of(fields: Fields<'_>, at: u64, field: u64) -> Option<&[u8]> {
    let (size, skip) = (fields.u32(at + 4)?, fields.u32(at + field)?);
    let room = size.checked_sub(skip)? as usize;
    fields.text(at + u64::from(skip), room)
}

/// `11.0`, `13.2.1`: 16 bits, 8 and 8.
fn version(packed: u32) -> String {
    let (major, minor, patch) = (packed >> 16, packed >> 8 & 0xff, packed & 0xff);
    match patch {
        0 => format!("{major}.{minor}"),
        _ => format!("{major}.{minor}.{patch}"),
    }
}

/// PLATFORM_*
fn platform_name(platform: u32) -> &'static str {
    match platform {
        1 => "macOS",
        2 => "iOS",
        3 => "tvOS",
        4 => "watchOS",
        6 => "Mac Catalyst",
        7 => "iOS simulator",
        8 => "tvOS simulator",
        9 => "watchOS simulator",
        10 => "DriverKit",
        11 => "visionOS",
        12 => "visionOS simulator",
        _ => "platform",
    }
}

fn hardening(image: &Image<'_>, commands: &Commands) -> Vec<Hardening> {
    let mut facts = Vec::new();
    if commands.file_type == EXECUTABLE {
        // All programs for arm64 are.
        facts.push(Hardening::flag("pie", commands.flags & PIE != 0));
    }
    let executable = commands.flags & STACK_EXECUTION != 0;
    facts.push(Hardening::flag("non-executable-stack", !executable));
    let chained = commands.part(Part::ChainedFixups).is_some();
    facts.push(Hardening {
        name: "fixups",
        value: if chained { "chained" } else { "opcodes" },
    });
    let (signature, runtime) = signature(image, commands);
    facts.push(Hardening {
        name: "code-signature",
        value: signature,
    });
    facts.push(Hardening::flag("hardened-runtime", runtime));
    facts
}

/// Who signed, and whether the hardened runtime is asked for. Signatures have their high byte first.
fn signature(image: &Image<'_>, commands: &Commands) -> (&'static str, bool) {
    let Some((offset, size)) = commands.part(Part::Signature) else {
        return ("no", false);
    };
    let fields = Fields {
        bytes: image.bytes_in(range(image, offset, size)),
        little_endian: false,
    };
    let (mut flags, mut certified) = (0, false);
    // CSMAGIC_EMBEDDED_SIGNATURE: kind and place of each part.
    if fields.u32(0) == Some(0xfade_0cc0) {
        for number in 0..u64::from(fields.u32(8).unwrap_or_default()).min(64) {
            let part = fields.u32(12 + 8 * number).zip(fields.u32(16 + 8 * number));
            let Some((kind, at)) = part else { break };
            let at = u64::from(at);
            match kind {
                // CSSLOT_CODEDIRECTORY
                0 => flags = fields.u32(at + 12).unwrap_or_default(),
                // CSSLOT_SIGNATURESLOT; one of eight bytes is empty.
                0x1_0000 => certified = fields.u32(at + 4).is_some_and(|size| size > 8),
                _ => {}
            }
        }
    }
    // CS_RUNTIME
    let runtime = flags & 0x0001_0000 != 0;
    let value = if certified { "certified" } else { "ad-hoc" };
    (value, runtime)
}
