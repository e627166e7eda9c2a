//! `__LINKEDIT`, cut into sections by load command.

use super::{
    super::{Image, Section, SectionKind, missing},
    Commands,
    commands::Part,
    range,
};
use crate::address::VirtualAddress;
use std::borrow::Cow;

impl Part {
    /// The command, and for those with several parts the part.
    fn name(self) -> &'static str {
        match self {
            Self::Symbols => "LC_SYMTAB symbols",
            Self::Strings => "LC_SYMTAB strings",
            Self::Indirect => "LC_DYSYMTAB indirect symbols",
            Self::ExternalRelocations => "LC_DYSYMTAB external relocations",
            Self::LocalRelocations => "LC_DYSYMTAB local relocations",
            Self::Rebase => "LC_DYLD_INFO rebase",
            Self::Bind => "LC_DYLD_INFO bind",
            Self::WeakBind => "LC_DYLD_INFO weak bind",
            Self::LazyBind => "LC_DYLD_INFO lazy bind",
            Self::ExportTrie => "LC_DYLD_EXPORTS_TRIE",
            Self::ChainedFixups => "LC_DYLD_CHAINED_FIXUPS",
            Self::FunctionStarts => "LC_FUNCTION_STARTS",
            Self::DataInCode => "LC_DATA_IN_CODE",
            Self::Signature => "LC_CODE_SIGNATURE",
            Self::SplitInfo => "LC_SEGMENT_SPLIT_INFO",
            Self::SigningRequirements => "LC_DYLIB_CODE_SIGN_DRS",
            Self::OptimizationHints => "LC_LINKER_OPTIMIZATION_HINT",
            Self::AtomInfo => "LC_ATOM_INFO",
            Self::FunctionVariants => "LC_FUNCTION_VARIANTS",
            Self::FunctionVariantFixups => "LC_FUNCTION_VARIANT_FIXUPS",
        }
    }

    fn kind(self) -> SectionKind {
        match self {
            Self::Symbols => SectionKind::Symbols,
            Self::Strings => SectionKind::Strings,
            Self::ExportTrie => SectionKind::DynamicSymbols,
            Self::ExternalRelocations
            | Self::LocalRelocations
            | Self::Rebase
            | Self::Bind
            | Self::WeakBind
            | Self::LazyBind
            | Self::ChainedFixups => SectionKind::Relocations,
            Self::Signature | Self::SigningRequirements => SectionKind::Signature,
            Self::Indirect
            | Self::FunctionStarts
            | Self::DataInCode
            | Self::SplitInfo
            | Self::OptimizationHints
            | Self::AtomInfo
            | Self::FunctionVariants
            | Self::FunctionVariantFixups => SectionKind::Loader,
        }
    }
}

/// Adds a section for each part.
pub(super) fn cut(image: &mut Image<'_>, commands: &Commands) {
    for (part, (offset, size)) in &commands.parts {
        missing::note(
            &mut image.missing,
            part.name(),
            image.bytes,
            (*offset, *size),
        );
        let file = range(image, *offset, *size);
        if file.is_empty() {
            continue;
        }
        let address = image.linked_at(file);
        image.sections.push(Section {
            name: Cow::Borrowed(part.name()),
            kind: part.kind(),
            address: address.unwrap_or(VirtualAddress(0)),
            memory: if address.is_some() { file.size } else { 0 },
            file,
            align: 8,
            loaded: address.is_some(),
            writable: false,
            compressed: false,
            link: 0,
            entry_size: 0,
            relocations: None,
        });
    }
}
