//! Symbols of a PDB: procedures and variables of each module, publics, and contributions without
//! either.

use super::{
    super::{
        Image, SectionKind,
        pe::Header,
        symbol::{Binding, Symbol, SymbolKind, SymbolTable, unit_of_object},
    },
    Module, Pdb, contributions,
    records::{Record, records},
};
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

/// Records that say what compiled a module: `S_COMPILE2` and `S_COMPILE3`.
const COMPILERS: [u16; 2] = [0x1116, 0x113c];

/// Languages of compilers (`CV_CFL_LANG`) that are certainly not Rust's: C, C++, Fortran, Objective-C,
/// Objective-C++, Swift and D. Of assembly's number, 3, LLVM made use for all that it had none for,
/// Rust among them.
const FOREIGN: [u8; 7] = [0x00, 0x01, 0x02, 0x11, 0x12, 0x13, 0x44];

/// Whether the compilers of a module's code say that none of it is Rust.
pub(super) fn is_foreign(stream: &[u8], module: &Module) -> bool {
    let compilers = records(stream, 4, module.symbols as usize)
        .filter(|record| COMPILERS.contains(&record.kind));
    let mut languages = compilers.filter_map(|record| record.fields.bytes.first().copied());
    let first = languages.next();
    let mut all = first.into_iter().chain(languages);
    first.is_some() && all.all(|language| FOREIGN.contains(&language))
}

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
        foreign_files: vec![false; modules.len()],
        ..SymbolTable::default()
    };
    let mut reader = Reader {
        image,
        header,
        symbols: Vec::new(),
    };
    for (file, module, stream) in pdb.streams_of_modules() {
        if let Some(foreign) = table.foreign_files.get_mut(file as usize) {
            *foreign = is_foreign(&stream, &module);
        }
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
    let mut starts: Vec<u32> = symbols
        .iter()
        .filter_map(|symbol| header.distance_to(symbol.address))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    // Where the next name stands, or the contribution ends.
    let until = |start: u32, end: u32| {
        let next = starts.partition_point(|other| *other <= start);
        starts.get(next).copied().unwrap_or(u32::MAX).min(end)
    };
    // What stands at an address is of the same object file as its contribution, and reaches to the next
    // name in it or to its end: of C, and of other code without a section for each variable, a
    // contribution is all variables of a file.
    for symbol in &mut symbols {
        let at = header.distance_to(symbol.address).and_then(|start| {
            let (contribution, first) = contribution_at(&contributions, start)?;
            Some((start, contribution, first))
        });
        if let Some((start, contribution, first)) = at {
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
            let end = contribution.start.saturating_add(contribution.size);
            let until = until(start, end);
            // Names inside of code may be labels: the unwind tables know better where it ends.
            let known = match symbol.kind {
                SymbolKind::Object => true,
                _ => first && until == end,
            };
            if symbol.size == 0 && known {
                symbol.size = (until - start).into();
            }
        }
    }
    for one in &contributions {
        let address = header.address(one.start);
        let Some((section, of)) = image.section_at(address) else {
            continue;
        };
        if starts.binary_search(&one.start).is_ok() {
            continue;
        }
        let end = until(one.start, one.start.saturating_add(one.size));
        let kind = match of.kind {
            SectionKind::Code => SymbolKind::Function,
            _ => SymbolKind::Object,
        };
        symbols.push(Symbol {
            name: Cow::Borrowed(""),
            name_offset: 0,
            index: Symbol::OUTSIDE,
            address,
            size: (end - one.start).into(),
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
