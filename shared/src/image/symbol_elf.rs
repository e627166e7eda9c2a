//! The symbol tables of ELF files (gABI, and the ABIs of the processors on what a value means).

use super::{
    Architecture, Format, Image, Section, SectionKind, relocation,
    symbol::{Binding, Names, Symbol, SymbolKind, SymbolTable},
};
use crate::address::VirtualAddress;
use object::{
    Endianness, elf,
    read::elf::{FileHeader, Sym},
};

/// The table of an ELF file; `None` of any other.
pub(super) fn read<'d>(image: &Image<'d>, dynamic: bool) -> Option<SymbolTable<'d>> {
    let is_elf = match image.format {
        super::Format::Elf => true,
        super::Format::Object => image.bytes.starts_with(&elf::ELFMAG),
        _ => false,
    };
    is_elf.then(|| {
        if image.is_64 {
            read_elf::<elf::FileHeader64<Endianness>>(image, dynamic)
        } else {
            read_elf::<elf::FileHeader32<Endianness>>(image, dynamic)
        }
    })
}

fn read_elf<'d, E: FileHeader<Endian = Endianness>>(
    image: &Image<'d>,
    dynamic: bool,
) -> SymbolTable<'d> {
    let wanted = if dynamic {
        SectionKind::DynamicSymbols
    } else {
        SectionKind::Symbols
    };
    let Some((index, section)) = image
        .sections
        .iter()
        .enumerate()
        .find(|(_, section)| section.kind == wanted)
    else {
        return SymbolTable::default();
    };
    let endian = if image.little_endian {
        Endianness::Little
    } else {
        Endianness::Big
    };
    let bytes = image.section_bytes(section);
    let entry_size = size_of::<E::Sym>();
    let entries: &[E::Sym] =
        object::slice_from_bytes(bytes, bytes.len() / entry_size).map_or(&[], |(slice, _)| slice);
    let strings = image.sections.get(section.link as usize);
    let mut names = Names::new(strings.map(|strings| image.section_bytes(strings)));
    let extended = extended_indices(image, index as u32);

    let mut table = SymbolTable {
        section: Some(index as u32),
        strings: strings.map(|_| section.link),
        entry_size: entry_size as u64,
        of_library: image.library,
        symbols: Vec::with_capacity(entries.len().saturating_sub(1)),
        ..SymbolTable::default()
    };
    let descriptors = Descriptors::of(image);
    let unlinked = |section: Option<u32>, value: u64| {
        let (symbol, addend) = descriptors.asks(section, value)?;
        let code = entries.get(symbol as usize)?;
        let section = u32::from(code.st_shndx(endian).0);
        let value: u64 = code.st_value(endian).into();
        let in_code = image.sections.get(section as usize)?.kind == SectionKind::Code;
        in_code.then(|| (Some(section), value.wrapping_add_signed(addend)))
    };
    let marks = has_mapping_symbols(image.architecture);
    let mut file = None;
    for (position, entry) in entries.iter().enumerate().skip(1) {
        let name_offset = entry.st_name(endian);
        let name = names.at(name_offset);
        let mut kind = kind(entry.st_type());
        if marks && kind == SymbolKind::Untyped && is_mapping_symbol(&name) {
            kind = SymbolKind::Mapping;
        }
        let binding = match entry.st_bind() {
            elf::STB_LOCAL => Binding::Local,
            elf::STB_WEAK => Binding::Weak,
            _ => Binding::Global,
        };
        if kind == SymbolKind::File {
            file = (!name.is_empty()).then_some(table.files.len() as u32);
            if file.is_some() {
                table.files.push(name.clone());
            }
        }
        let section = match entry.st_shndx(endian) {
            elf::SHN_UNDEF => None,
            elf::SHN_XINDEX => extended
                .get(position)
                .map(|index| index.get(endian))
                .filter(|index| (*index as usize) < image.sections.len()),
            index if u32::from(index.0) < u32::from(elf::SHN_LORESERVE) => {
                Some(u32::from(index.0)).filter(|index| (*index as usize) < image.sections.len())
            }
            _ => None,
        };
        let value: u64 = entry.st_value(endian).into();
        let (section, address) = match kind {
            SymbolKind::Function => match unlinked(section, value) {
                Some(code) => code,
                None => descriptors.code(image, section, value),
            },
            _ => (section, value),
        };
        table.symbols.push(Symbol {
            name,
            name_offset,
            index: position as u32,
            address: VirtualAddress(address),
            size: entry.st_size(endian).into(),
            section,
            kind,
            binding,
            file: file.filter(|_| binding == Binding::Local),
        });
    }
    table.damaged_names = names.damaged;
    table
}

/// Where the code of a function is: the value of its symbol is not always its address.
///
/// On 32-bit Arm and MIPS bit 0 says which instruction set the function is in. On 64-bit POWER with
/// the first version of its ABI, and on Itanium and HPPA, symbols stand for descriptors, which hold
/// the address.
enum Descriptors {
    /// The value is the address.
    None,
    /// But for bit 0.
    Bit0,
    /// The descriptors stand in this section. Those that the loader fills in are read from its
    /// relocations, sorted by slot.
    Section(u32, Vec<(u64, u64)>),
    /// As that, of an object, where a linker fills them in: by slot the entry of the symbol table and the
    /// distance from that, sorted.
    Unlinked(u32, Vec<(u64, u32, i64)>),
}

impl Descriptors {
    fn of(image: &Image<'_>) -> Self {
        if image.architecture.marks_functions_in_bit_0() {
            return Self::Bit0;
        }
        if image.architecture != Architecture::PowerPc64 {
            return Self::None;
        }
        let Some((index, section)) = image.section(".opd") else {
            return Self::None;
        };
        if image.format == Format::Object {
            let asked = image.section(".rela.opd").map(|(_, section)| section);
            let bytes = asked.map_or(&[][..], |section| image.section_bytes(section));
            let word = |bytes: &[u8], at: usize| {
                let word = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>);
                word.map_or(0, |word| image.u64(*word))
            };
            let entries = bytes.chunks_exact(24).map(|entry| {
                let symbol = (word(entry, 8) >> 32) as u32;
                (word(entry, 0), symbol, word(entry, 16).cast_signed())
            });
            let mut entries: Vec<_> = entries.collect();
            entries.sort_unstable();
            return Self::Unlinked(index, entries);
        }
        // Addresses of the image itself need no symbols.
        let tables = relocation::read(image, &SymbolTable::default());
        let relocations = tables.iter().flat_map(|table| &table.relocations);
        let mut slots: Vec<(u64, u64)> = relocations
            .filter(|relocation| section.addresses().contains(relocation.slot))
            .filter_map(|relocation| Some((relocation.slot.0, relocation.target?.0)))
            .collect();
        slots.sort_unstable();
        Self::Section(index, slots)
    }

    /// What a linker is to write into the descriptor at `slot` of an object.
    fn asks(&self, section: Option<u32>, slot: u64) -> Option<(u32, i64)> {
        let Self::Unlinked(own, entries) = self else {
            return None;
        };
        section.filter(|section| section == own)?;
        let at = entries.binary_search_by_key(&slot, |(own, ..)| *own).ok()?;
        entries
            .get(at)
            .map(|(_, symbol, addend)| (*symbol, *addend))
    }

    /// The section and the address of the code of a function.
    fn code(&self, image: &Image<'_>, section: Option<u32>, value: u64) -> (Option<u32>, u64) {
        match self {
            Self::None | Self::Unlinked(..) => (section, value),
            Self::Bit0 => (section, value & !1),
            Self::Section(descriptors, slots) => {
                let Some(table) = image.sections.get(*descriptors as usize) else {
                    return (section, value);
                };
                // Dynamic symbols of the same file name the same section.
                if section != Some(*descriptors) {
                    return (section, value);
                }
                let filled = slots.binary_search_by_key(&value, |(slot, _)| *slot).ok();
                let stored = || {
                    let at = usize::try_from(value.checked_sub(table.address.0)?).ok()?;
                    let word = image.section_bytes(table).get(at..)?.first_chunk::<8>()?;
                    Some(image.u64(*word))
                };
                let code = filled.map(|at| slots[at].1).or_else(stored);
                let code = code.filter(|code| *code != 0);
                let place =
                    code.and_then(|code| Some((image.section_at(VirtualAddress(code))?.0, code)));
                match place {
                    Some((section, code)) => (Some(section), code),
                    None => (section, value),
                }
            }
        }
    }
}

/// Whether the processor's ABI has mapping symbols, which say where code and data begin.
fn has_mapping_symbols(architecture: Architecture) -> bool {
    matches!(
        architecture,
        Architecture::Aarch64 | Architecture::Arm | Architecture::Riscv32 | Architecture::Riscv64
    )
}

/// `$x` and `$d` on AArch64 and RISC-V, `$a`, `$t` and `$d` on 32-bit Arm, maybe with a dot and any
/// text behind; on RISC-V `$x` may also be followed by the instruction set, `$xrv64i2p1`.
fn is_mapping_symbol(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('$') else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(['a', 'd', 't', 'x']) else {
        return false;
    };
    rest.is_empty() || rest.starts_with('.') || (name.starts_with("$xrv") && name.len() > 4)
}

/// `SHT_SYMTAB_SHNDX`: section indices that do not fit the symbol's 16 bits.
fn extended_indices<'d>(image: &Image<'d>, table: u32) -> &'d [object::U32<Endianness>] {
    image
        .sections
        .iter()
        .find(|section| section.name == ".symtab_shndx" && section.link == table)
        .map(|section: &Section<'d>| {
            let bytes = image.section_bytes(section);
            object::slice_from_bytes(bytes, bytes.len() / 4).map_or(&[][..], |(slice, _)| slice)
        })
        .unwrap_or_default()
}

fn kind(kind: elf::SymbolType) -> SymbolKind {
    match kind {
        elf::STT_FUNC | elf::STT_GNU_IFUNC => SymbolKind::Function,
        elf::STT_OBJECT | elf::STT_COMMON => SymbolKind::Object,
        elf::STT_TLS => SymbolKind::Tls,
        elf::STT_NOTYPE => SymbolKind::Untyped,
        elf::STT_FILE => SymbolKind::File,
        elf::STT_SECTION => SymbolKind::Section,
        _ => SymbolKind::Other,
    }
}
