//! Symbols of a PDB: procedures and variables of each module, publics, and contributions without
//! either.

use super::{
    super::{
        Image, SectionKind,
        pe::Header,
        symbol::{Binding, Symbol, SymbolKind, SymbolTable, unit_of_object},
    },
    Pdb, contributions,
    records::{Record, records},
};
use crate::hashing::NumberMap;
use std::borrow::Cow;

/// Records that name something at an address.
const PUBLIC: u16 = 0x110e;
const LOCAL_DATA: u16 = 0x110c;
const GLOBAL_DATA: u16 = 0x110d;
const LOCAL_PROCEDURE: u16 = 0x110f;
const GLOBAL_PROCEDURE: u16 = 0x1110;
const LOCAL_PROCEDURE_ID: u16 = 0x1146;
const GLOBAL_PROCEDURE_ID: u16 = 0x1147;
const THUNK: u16 = 0x1102;

/// Whether a record is a procedure's.
pub(super) fn is_procedure(kind: u16) -> bool {
    matches!(
        kind,
        LOCAL_PROCEDURE | GLOBAL_PROCEDURE | LOCAL_PROCEDURE_ID | GLOBAL_PROCEDURE_ID
    )
}

pub(super) fn read<'d>(
    pdb: &Pdb<'_>,
    image: &Image<'_>,
    header: &Header,
) -> Option<SymbolTable<'d>> {
    let modules = pdb.modules();
    let contributions = contributions::read(pdb, header);
    let mut table = SymbolTable {
        of_library: image.library,
        names_are_paths: true,
        files_are_exact: true,
        files: modules
            .iter()
            .map(|module| unit_of_object(Cow::Owned(module.name.clone())))
            .collect(),
        ..SymbolTable::default()
    };
    let mut reader = Reader {
        image,
        header,
        symbols: Vec::new(),
    };
    for (file, module, stream) in pdb.streams_of_modules() {
        // The first word says which kind of records these are.
        for record in records(&stream, 4, module.symbols as usize) {
            reader.named(&record, Some(file));
        }
    }
    let of_publics = super::Fields::little(&pdb.debug).u16(20)?;
    if let Some(stream) = pdb.streams.read(of_publics.into()) {
        for record in records(&stream, 0, stream.len()) {
            if record.kind == PUBLIC {
                reader.public(&record);
            }
        }
    }
    let mut symbols = reader.symbols;
    // What stands at an address is as long as its contribution, and of the same object file.
    let mut named: NumberMap<u64, ()> = NumberMap::default();
    for symbol in &mut symbols {
        named.insert(symbol.address.0, ());
        let at = header
            .distance_to(symbol.address)
            .and_then(|start| contribution_at(&contributions, start));
        if let Some((contribution, first)) = at {
            // Of functions that were folded into one, the linker kept one object file's.
            let kept = Some(u32::from(contribution.module));
            if symbol.file.is_some_and(|file| Some(file) != kept) {
                // Names of the others come after its own.
                symbol.binding = Binding::Local;
                if symbol.kind == SymbolKind::Function {
                    symbol.kind = SymbolKind::Untyped;
                }
            }
            symbol.file = kept;
            if symbol.size == 0 && first {
                symbol.size = contribution.size.into();
            }
        }
    }
    for one in &contributions {
        let address = header.address(one.start);
        let Some((section, of)) = image.section_at(address) else {
            continue;
        };
        if named.contains_key(&address.0) {
            continue;
        }
        let kind = match of.kind {
            SectionKind::Code => SymbolKind::Function,
            _ => SymbolKind::Object,
        };
        symbols.push(Symbol {
            name: Cow::Borrowed(""),
            name_offset: 0,
            index: Symbol::OUTSIDE,
            address,
            size: one.size.into(),
            section: Some(section),
            kind,
            binding: Binding::Local,
            file: Some(one.module.into()),
        });
    }
    table.symbols = symbols;
    Some(table)
}

/// The contribution that holds an address, and whether it starts there.
fn contribution_at(
    all: &[contributions::Contribution],
    start: u32,
) -> Option<(contributions::Contribution, bool)> {
    let next = all.partition_point(|one| one.start <= start);
    let one = *all.get(next.checked_sub(1)?)?;
    (start - one.start < one.size).then_some((one, start == one.start))
}

struct Reader<'a, 'd, 's> {
    image: &'a Image<'d>,
    header: &'a Header,
    symbols: Vec<Symbol<'s>>,
}

impl Reader<'_, '_, '_> {
    /// A procedure or a variable of a module.
    fn named(&mut self, record: &Record<'_>, file: Option<u32>) {
        let fields = record.fields;
        let found = || {
            Some(match record.kind {
                kind if is_procedure(kind) => (
                    (fields.u16(32)?, fields.u32(28)?),
                    fields.u32(12)?,
                    record.text(35),
                ),
                LOCAL_DATA | GLOBAL_DATA => ((fields.u16(8)?, fields.u32(4)?), 0, record.text(10)),
                THUNK => (
                    (fields.u16(16)?, fields.u32(12)?),
                    fields.u16(18)?.into(),
                    record.text(21),
                ),
                _ => return None,
            })
        };
        if let Some((place, size, name)) = found() {
            let binding = match record.kind {
                GLOBAL_DATA | GLOBAL_PROCEDURE | GLOBAL_PROCEDURE_ID => Binding::Global,
                _ => Binding::Local,
            };
            self.add(place, size, name, binding, file);
        }
    }

    fn public(&mut self, record: &Record<'_>) {
        let place = record.fields.u16(8).zip(record.fields.u32(4));
        if let Some(place) = place {
            self.add(place, 0, record.text(10), Binding::Global, None);
        }
    }

    fn add(
        &mut self,
        (section, offset): (u16, u32),
        size: u32,
        name: &[u8],
        binding: Binding,
        file: Option<u32>,
    ) {
        let Some(start) = self.header.in_section(section, offset) else {
            return;
        };
        let address = self.header.address(start);
        let Some((section, of)) = self.image.section_at(address) else {
            return;
        };
        self.symbols.push(Symbol {
            name: Cow::Owned(String::from_utf8_lossy(name).into_owned()),
            name_offset: 0,
            index: Symbol::OUTSIDE,
            address,
            size: size.into(),
            section: Some(section),
            kind: match of.kind {
                SectionKind::Code => SymbolKind::Function,
                SectionKind::UnwindIndex | SectionKind::ExceptTable => SymbolKind::Other,
                _ => SymbolKind::Object,
            },
            binding,
            file,
        });
    }
}
