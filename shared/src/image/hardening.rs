//! How an ELF file is protected: facts from its headers, not a judgement.
//!
//! Sources: the gABI's dynamic section with GNU's and Solaris's flags, the x86-64 and AArch64 ABIs'
//! `.note.gnu.property`.

use super::{Architecture, Image, fields::Fields, needs::Hardening, segments};

/// DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1
const BIND_NOW: u64 = 24;
const FLAGS: u64 = 30;
const FLAGS_1: u64 = 0x6fff_fffb;

pub(super) fn facts(image: &Image<'_>) -> Vec<Hardening> {
    let values = segments::dynamic_values(image);
    let has = |tag: u64, bit: u64| values.get(&tag).is_some_and(|value| value & bit != 0);
    let now = values.contains_key(&BIND_NOW) || has(FLAGS, 8) || has(FLAGS_1, 1);
    let segment = |name: &str| image.segments.iter().find(|segment| segment.name == name);
    let mut facts = Vec::new();
    if !image.library {
        facts.push(Hardening::flag("pie", image.position_independent));
    }
    facts.push(Hardening {
        name: "relro",
        value: match (segment("GNU_RELRO").is_some(), now) {
            (true, true) => "full",
            (true, false) => "partial",
            (false, _) => "no",
        },
    });
    // Without the header the kernel decides, on most processors for an executable stack.
    let stack = segment("GNU_STACK").is_some_and(|stack| !stack.executable);
    facts.push(Hardening::flag("non-executable-stack", stack));
    let features = features(image);
    match image.architecture {
        Architecture::X86_64 | Architecture::I686 | Architecture::X86_64X32 => {
            facts.push(Hardening::flag(
                "indirect-branch-tracking",
                features & 1 != 0,
            ));
            facts.push(Hardening::flag("shadow-stack", features & 2 != 0));
        }
        Architecture::Aarch64 => {
            facts.push(Hardening::flag(
                "branch-target-identification",
                features & 1 != 0,
            ));
            facts.push(Hardening::flag("pointer-authentication", features & 2 != 0));
        }
        _ => {}
    }
    facts
}

/// The features of the processor that all code of the image is made for
/// (`GNU_PROPERTY_X86_FEATURE_1_AND`, `GNU_PROPERTY_AARCH64_FEATURE_1_AND`).
fn features(image: &Image<'_>) -> u32 {
    let read = || {
        let (_, section) = image.section(".note.gnu.property")?;
        let fields = Fields {
            bytes: image.section_bytes(section),
            little_endian: image.little_endian,
        };
        // Sizes of name and description, type 5, `GNU` and a zero; then properties.
        let size = u64::from(fields.u32(4)?);
        let mut at = 16;
        while at + 8 <= 16 + size {
            let (kind, length) = (fields.u32(at)?, u64::from(fields.u32(at + 4)?));
            if matches!(kind, 0xc000_0000 | 0xc000_0002) && length == 4 {
                return fields.u32(at + 8);
            }
            at += 8 + length.next_multiple_of(if image.is_64 { 8 } else { 4 });
        }
        None
    };
    read().unwrap_or_default()
}
