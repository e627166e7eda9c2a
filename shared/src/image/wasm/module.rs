//! What the sections of a module say.

use super::{
    found::{Cut, Found, Kind, limited, reader},
    place_of,
    segment::{Segment, constant, first_operator},
};
use crate::address::{AddressRange, FileOffset, FileRange, Range, VirtualAddress};
use wasmparser::{
    ElementItems, ElementKind, ElementSectionReader, ExportSectionReader, ExternalKind, FromReader,
    FunctionSectionReader, ImportSectionReader, MemorySectionReader, Operator, SectionLimited,
    TableSectionReader, TypeRef, TypeSectionReader,
};

/// A module: where its functions, segments and names stand. Functions have one numbering, the
/// imported ones first.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The whole module.
    pub(super) file: FileRange,
    pub(super) sections: Vec<Found>,
    /// How many functions are imported.
    pub(super) imported: u32,
    /// The entries of the code section, by address.
    bodies: Vec<AddressRange>,
    /// The type of each defined function.
    pub(super) types: Vec<Entry>,
    /// Of each type whether it takes one number of 32 bits and gives none back, as drop glue does.
    drops: Vec<bool>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    /// In the order of the file.
    pub(super) segments: Vec<Segment>,
    /// Those with a known address, by address: places in `segments`.
    pub(super) by_address: Vec<(u64, u32)>,
    /// Where the last of them ends.
    pub(super) memory_end: u64,
    /// What fills tables, in the order of the file.
    elements: Vec<Entry>,
    /// Parts of `elements` that are put into the first table, by where.
    table: Vec<TableFill>,
    pub(super) start: Option<u32>,
    pub(super) memories: Vec<Limits>,
    pub(super) tables: Vec<Limits>,
    /// What the sections were damaged, or hold what is not known here.
    pub(super) damaged: u64,
}

/// A number in a table that stands for a function or a type, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) index: u32,
    pub(super) file: FileRange,
}

#[derive(Clone, Copy, Debug)]
struct TableFill {
    first: u64,
    from: u32,
    count: u32,
}

/// What an import or export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum External {
    Function,
    Table,
    Memory,
    Global,
    Tag,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Import {
    pub(super) module: FileRange,
    pub(super) name: FileRange,
    pub(super) what: External,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Export {
    /// The whole entry.
    pub(super) file: FileRange,
    pub(super) name: FileRange,
    pub(super) what: External,
    pub(super) index: u32,
}

/// The size of a memory, in pages, or of a table, in elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) least: u64,
    pub(super) most: Option<u64>,
    pub(super) shared: bool,
    pub(super) is_64: bool,
    pub(super) imported: bool,
}

/// The magic number and the version.
const HEADER: u64 = 8;

impl Module {
    pub(super) fn read(bytes: &[u8], cut: &Cut) -> Self {
        let mut module = Self {
            file: cut.file,
            sections: cut.sections.clone(),
            ..Self::default()
        };
        // Nothing can be read behind a section that promises more than there is: most likely the file
        // is cut off.
        let last = cut.sections.last().map(|section| section.content.end());
        let end = last.or(cut.file.start.checked_add(HEADER));
        if end.is_some_and(|end| end < cut.file.end()) {
            module.damaged += 1;
        }
        // Each numbered section stands once; what repeats one is damage and is not read.
        let mut seen = [false; 16];
        for section in &cut.sections {
            let Kind::Known(id) = section.kind else {
                continue;
            };
            if let Some(seen) = seen.get_mut(usize::from(id))
                && std::mem::replace(seen, true)
            {
                module.damaged += 1;
                continue;
            }
            let read = match id {
                1 => module.read_types(bytes, section),
                2 => module.read_imports(bytes, section),
                3 => module.read_functions(bytes, section),
                4 => module.read_tables(bytes, section),
                5 => module.read_memories(bytes, section),
                7 => module.read_exports(bytes, section),
                8 => module.read_start(bytes, section),
                9 => module.read_elements(bytes, section),
                10 => module.read_bodies(bytes, section),
                11 => module.read_segments(bytes, section),
                _ => Some(()),
            };
            if read.is_none() {
                module.damaged += 1;
            }
        }
        module.table.sort_by_key(|fill| fill.first);
        module
    }

    fn read_types(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: TypeSectionReader<'_> = limited(bytes, section)?;
        for group in reader {
            for ty in group.ok()?.into_types() {
                let drops = match ty.composite_type.inner {
                    wasmparser::CompositeInnerType::Func(function) => {
                        let i32 = wasmparser::ValType::I32;
                        function.params() == [i32] && function.results().is_empty()
                    }
                    _ => false,
                };
                self.drops.push(drops);
            }
        }
        Some(())
    }

    fn read_imports(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: ImportSectionReader<'_> = limited(bytes, section)?;
        for import in reader.into_imports() {
            let import = import.ok()?;
            let what = match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                    self.imported = self.imported.checked_add(1)?;
                    External::Function
                }
                TypeRef::Table(table) => {
                    self.tables.push(of_table(&table, true));
                    External::Table
                }
                TypeRef::Memory(memory) => {
                    self.memories.push(of_memory(&memory, true));
                    External::Memory
                }
                TypeRef::Global(_) => External::Global,
                TypeRef::Tag(_) => External::Tag,
            };
            self.imports.push(Import {
                module: place_of(bytes, import.module.as_bytes()),
                name: place_of(bytes, import.name.as_bytes()),
                what,
            });
        }
        Some(())
    }

    fn read_functions(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: FunctionSectionReader<'_> = limited(bytes, section)?;
        entries(reader, &mut self.types)
    }

    fn read_tables(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: TableSectionReader<'_> = limited(bytes, section)?;
        for table in reader {
            self.tables.push(of_table(&table.ok()?.ty, false));
        }
        Some(())
    }

    fn read_memories(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: MemorySectionReader<'_> = limited(bytes, section)?;
        for memory in reader {
            self.memories.push(of_memory(&memory.ok()?, false));
        }
        Some(())
    }

    fn read_exports(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: ExportSectionReader<'_> = limited(bytes, section)?;
        let entries = reader.into_iter_with_offsets();
        let mut last: Option<(usize, wasmparser::Export<'_>)> = None;
        let mut add = |(start, export): (usize, wasmparser::Export<'_>), end: u64| {
            let what = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => External::Function,
                ExternalKind::Table => External::Table,
                ExternalKind::Memory => External::Memory,
                ExternalKind::Global => External::Global,
                ExternalKind::Tag => External::Tag,
            };
            self.exports.push(Export {
                file: between(start as u64, end),
                name: place_of(bytes, export.name.as_bytes()),
                what,
                index: export.index,
            });
        };
        for next in entries {
            let (start, export) = next.ok()?;
            if let Some(last) = last.replace((start, export)) {
                add(last, start as u64);
            }
        }
        if let Some(last) = last {
            add(last, section.content.end().0);
        }
        Some(())
    }

    fn read_start(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let mut reader = reader(bytes, section)?;
        self.start = Some(reader.read_var_u32().ok()?);
        Some(())
    }

    fn read_elements(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let reader: ElementSectionReader<'_> = limited(bytes, section)?;
        for element in reader {
            let element = element.ok()?;
            let from = self.elements.len() as u32;
            match element.items {
                ElementItems::Functions(functions) => entries(functions, &mut self.elements)?,
                ElementItems::Expressions(_, expressions) => {
                    for item in expressions.into_iter_with_offsets() {
                        let (start, expression) = item.ok()?;
                        let end = expression.get_binary_reader().range().end;
                        let index = match first_operator(&expression) {
                            Some(Operator::RefFunc { function_index }) => function_index,
                            // A table's empty place.
                            _ => u32::MAX,
                        };
                        let file = between(start as u64, end as u64);
                        self.elements.push(Entry { index, file });
                    }
                }
            }
            let count = self.elements.len() as u32 - from;
            if let ElementKind::Active {
                table_index: None | Some(0),
                offset_expr,
            } = element.kind
            {
                let first = constant(&offset_expr).unwrap_or_default();
                self.table.push(TableFill { first, from, count });
            }
        }
        Some(())
    }

    fn read_bodies(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        let mut reader = reader(bytes, section)?;
        let count = reader.read_var_u32().ok()?;
        // Each takes a byte at least.
        let most = usize::try_from(section.content.size).unwrap_or(usize::MAX);
        self.bodies.reserve((count as usize).min(most));
        for _ in 0..count {
            let start = VirtualAddress(reader.original_position() as u64);
            let size = reader.read_var_u32().ok()?;
            reader.read_bytes(size as usize).ok()?;
            let end = VirtualAddress(reader.original_position() as u64);
            self.bodies
                .push(Range::<VirtualAddress>::between(start, end));
        }
        reader.eof().then_some(())
    }

    fn read_segments(&mut self, bytes: &[u8], section: &Found) -> Option<()> {
        each::<wasmparser::Data<'_>>(bytes, section, |_, data| {
            self.segments.push(Segment::new(bytes, &data));
        })
    }

    /// Brings the segments whose address is known into the order of their addresses.
    pub(super) fn sort_segments(&mut self) {
        let segments = &self.segments;
        let known = (0..).zip(segments).filter_map(|(at, segment)| {
            let address = segment.address.filter(|_| !segment.file.is_empty());
            Some((address?, at))
        });
        let mut known: Vec<(u64, u32)> = known.collect();
        known.sort_by_key(|(address, _)| *address);
        let ends = known
            .iter()
            .map(|(address, at)| address.saturating_add(segments[*at as usize].file.size));
        self.memory_end = ends.max().unwrap_or_default();
        self.by_address = known;
    }

    /// Whether it has debug information.
    pub(super) fn has_debug(&self) -> bool {
        let mut sections = self.sections.iter();
        sections.any(|it| matches!(&it.kind, Kind::Custom(name) if name == ".debug_info"))
    }

    /// Where the content of the code section starts.
    pub(super) fn code_start(&self) -> Option<VirtualAddress> {
        let mut sections = self.sections.iter();
        let code = sections.find(|section| section.kind == Kind::Known(10))?;
        Some(VirtualAddress(code.content.start.0))
    }

    /// Where it starts in the file.
    pub fn start(&self) -> VirtualAddress {
        VirtualAddress(self.file.start.0)
    }

    /// Whether addresses have 64 bits.
    pub fn is_64(&self) -> bool {
        self.memories.first().is_some_and(|memory| memory.is_64)
    }

    /// The data segments in the order of the file.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How many functions are defined.
    pub fn defined(&self) -> usize {
        self.bodies.len()
    }

    /// How many functions are imported; the numbers of those that are defined follow.
    pub fn imported(&self) -> u32 {
        self.imported
    }

    /// All that stands in the code section for functions, by address.
    pub(super) fn bodies(&self) -> &[AddressRange] {
        &self.bodies
    }

    /// Where a function stands, by its number; `None` of imported ones.
    pub fn body(&self, function: u32) -> Option<AddressRange> {
        let at = function.checked_sub(self.imported)?;
        self.bodies.get(at as usize).copied()
    }

    /// The function at a place of the first table.
    pub fn in_table(&self, index: u64) -> Option<u32> {
        let next = self.table.partition_point(|fill| fill.first <= index);
        // Later segments overwrite earlier ones; overlaps are damage or hand-written.
        let mut near = self.table.get(..next)?.iter().rev().take(4);
        near.find_map(|fill| {
            let at = u32::try_from(index - fill.first).ok()?;
            let entry = (at < fill.count).then(|| fill.from as usize + at as usize)?;
            Some(self.elements.get(entry)?.index)
        })
    }

    /// The entries of all tables.
    pub(super) fn elements(&self) -> &[Entry] {
        &self.elements
    }

    /// Whether a function could be drop glue: what a vtable's first entry may be.
    pub(super) fn may_drop(&self, function: u32) -> bool {
        let of = |at: u32| {
            let ty = self.types.get(at as usize)?;
            self.drops.get(ty.index as usize).copied()
        };
        // Of imported ones the type is not kept.
        let at = function.checked_sub(self.imported);
        at.and_then(of).unwrap_or_default()
    }

    /// Whether it is a program, which has an entry point by this name.
    pub(super) fn exports_start(&self, bytes: &[u8]) -> bool {
        self.exports.iter().any(|export| {
            let name = bytes.get(export.name.start.0 as usize..export.name.end().0 as usize);
            export.what == External::Function && name == Some(b"_start")
        })
    }

    /// Whether it imports a memory by this name.
    pub(super) fn imports_memory(&self, bytes: &[u8], name: &[u8]) -> bool {
        self.imports.iter().any(|import| {
            let own = bytes.get(import.name.start.0 as usize..import.name.end().0 as usize);
            import.what == External::Memory && own == Some(name)
        })
    }

    /// How many sections could not be read to their end.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }
}

/// Reads the items of a section; `None` where that ends early.
fn each<'d, T: FromReader<'d>>(
    bytes: &'d [u8],
    section: &Found,
    mut then: impl FnMut(usize, T),
) -> Option<()> {
    let items: SectionLimited<'d, T> = limited(bytes, section)?;
    for item in items.into_iter_with_offsets() {
        let (start, item) = item.ok()?;
        then(start, item);
    }
    Some(())
}

/// Numbers, each with its place.
fn entries(numbers: SectionLimited<'_, u32>, into: &mut Vec<Entry>) -> Option<()> {
    let end = numbers.range().end as u64;
    let first = into.len();
    for number in numbers.into_iter_with_offsets() {
        let (start, index) = number.ok()?;
        let file = between(start as u64, end);
        into.push(Entry { index, file });
    }
    // Each ends where the next begins.
    for at in first..into.len().saturating_sub(1) {
        let next = into[at + 1].file.start;
        into[at].file = Range::<FileOffset>::between(into[at].file.start, next);
    }
    Some(())
}

fn between(start: u64, end: u64) -> FileRange {
    Range::<FileOffset>::between(FileOffset(start), FileOffset(end))
}

fn of_memory(memory: &wasmparser::MemoryType, imported: bool) -> Limits {
    Limits {
        least: memory.initial,
        most: memory.maximum,
        shared: memory.shared,
        is_64: memory.memory64,
        imported,
    }
}

fn of_table(table: &wasmparser::TableType, imported: bool) -> Limits {
    Limits {
        least: table.initial,
        most: table.maximum,
        shared: table.shared,
        is_64: table.table64,
        imported,
    }
}
