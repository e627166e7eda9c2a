//! The machine code of a file where unwind tables say nothing: which code has none, and where it
//! returns to, as far as its instructions prove that.
//!
//! Truth: `.eh_frame_hdr`, the sorted index of the unwind tables; the symbol table for where
//! functions begin. Limit: of a file without such an index it is not known which code has none.

use super::{registers::Processor, rules::Row};
use codecost::{
    address::{AddressRange, FileRange, Range, VirtualAddress},
    disasm::{
        CallTarget, StackFrame, begins_thread_ahead, call_before, stack_frame, stack_frame_ahead,
    },
    image::{Architecture, Image, Mapping, SectionKind, SymbolKind},
};
use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian, UnwindContext, UnwindSection as _};
use std::collections::HashMap;

/// Functions of more bytes than this are not followed.
const MOST_CODE: u64 = 1 << 20;

/// What is known of a file's code.
#[derive(Debug)]
pub(super) struct FileCode {
    architecture: Architecture,
    index: Option<Index>,
    /// By address, once they were asked for.
    functions: Option<Vec<AddressRange>>,
    frames: HashMap<VirtualAddress, Option<StackFrame>>,
    /// What unwind tables are worked out in: as large as many rows, so it is made once.
    pub(super) context: UnwindContext<usize>,
}

/// Where the unwind tables and their index are.
#[derive(Clone, Copy, Debug)]
struct Index {
    header: (VirtualAddress, FileRange),
    tables: (VirtualAddress, FileRange),
}

impl FileCode {
    pub(super) fn of(mapping: &Mapping) -> Self {
        let image = Image::parse(mapping.path(), mapping).ok();
        let place = |image: &Image<'_>, name: &str| {
            let (_, section) = image.section(name)?;
            (!section.compressed).then_some((section.addresses().start, section.file))
        };
        let index = image.as_ref().and_then(|image| {
            if !image.little_endian {
                return None;
            }
            Some(Index {
                header: place(image, ".eh_frame_hdr")?,
                tables: place(image, ".eh_frame")?,
            })
        });
        Self {
            architecture: image.map_or(Architecture::Unknown, |image| image.architecture),
            index,
            functions: None,
            frames: HashMap::new(),
            context: UnwindContext::new(),
        }
    }
}

/// What the unwind tables say of an address.
#[derive(Debug)]
pub(super) enum Said {
    /// No entry is for it; whether one begins right after it.
    Nothing { begins_after: bool },
    /// This. `None` where it cannot be read.
    Row(Option<Row>),
}

impl Index {
    /// `None` where that cannot be told.
    fn of(
        &self,
        mapping: &Mapping,
        address: VirtualAddress,
        context: &mut UnwindContext<usize>,
    ) -> Option<Said> {
        let header = EhFrameHdr::new(bytes(mapping, self.header.1), LittleEndian);
        let mut tables = EhFrame::new(bytes(mapping, self.tables.1), LittleEndian);
        tables.set_address_size(8);
        let bases = BaseAddresses::default()
            .set_eh_frame_hdr(self.header.0.0)
            .set_eh_frame(self.tables.0.0);
        let header = header.parse(&bases, 8).ok()?;
        let table = header.table()?;
        let entry = |at: u64| table.fde_for_address(&tables, &bases, at, EhFrame::cie_from_offset);
        match entry(address.0) {
            Ok(found) => Some(Said::Row(Row::of(
                &tables, &bases, &found, address.0, context,
            ))),
            Err(gimli::Error::NoUnwindInfoForAddress) => {
                let after = address.0.checked_add(1)?;
                let next = entry(after);
                let begins_after = next.is_ok_and(|next| next.initial_address() == after);
                Some(Said::Nothing { begins_after })
            }
            // It is damaged, or of a kind that the unwinder may know better.
            Err(_) => None,
        }
    }
}

fn bytes(mapping: &Mapping, range: FileRange) -> &[u8] {
    let start = usize::try_from(range.start.0).unwrap_or(usize::MAX);
    let end = usize::try_from(range.end().0).unwrap_or(usize::MAX);
    mapping.get(start..end).unwrap_or_default()
}

/// A file and its segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeOf<'f> {
    pub(super) mapping: &'f Mapping,
    /// Ranges of the file, where they go, and whether they are code.
    pub(super) segments: &'f [(FileRange, VirtualAddress, bool)],
}

/// How many bytes are looked at where no function is known.
const AHEAD: u64 = 1024;

impl<'f> CodeOf<'f> {
    /// Some bytes from an address on.
    fn from(self, at: VirtualAddress) -> Option<&'f [u8]> {
        let (file, start, _) = self.segments.iter().find(|(file, start, _)| {
            Range::<VirtualAddress>::new(*start, file.size).contains(at)
        })?;
        let left = file.size.checked_sub(at.checked_since(*start)?)?;
        self.bytes(Range::<VirtualAddress>::new(at, left.min(AHEAD)))
    }

    fn bytes(self, range: AddressRange) -> Option<&'f [u8]> {
        let (file, start, _) = self.segments.iter().find(|(file, start, _)| {
            Range::<VirtualAddress>::new(*start, file.size).contains(range.start)
        })?;
        let offset = file
            .start
            .0
            .checked_add(range.start.checked_since(*start)?)?;
        let offset = usize::try_from(offset).ok()?;
        let size = usize::try_from(range.size).ok()?;
        self.mapping.get(offset..offset.checked_add(size)?)
    }
}

impl FileCode {
    /// What the unwind tables say of an address, where that can be told.
    pub(super) fn said(&mut self, file: CodeOf<'_>, address: VirtualAddress) -> Option<Said> {
        self.index?.of(file.mapping, address, &mut self.context)
    }

    /// Where the instructions are that end a signal handler, if `address` is in them or right before
    /// them, as the call would be that returns there.
    pub(super) fn signal_return(
        &self,
        file: CodeOf<'_>,
        processor: Processor,
        address: VirtualAddress,
    ) -> Option<VirtualAddress> {
        let code = processor.signal_return();
        let starts = [
            address.0.checked_add(1),
            Some(address.0),
            address.0.checked_sub(processor.signal_return_call()),
        ];
        let mut starts = starts.into_iter().flatten().map(VirtualAddress);
        starts.find(|start| {
            let range = Range::<VirtualAddress>::new(*start, code.len() as u64);
            file.bytes(range) == Some(code)
        })
    }

    /// Where the function keeps its return address when the instruction at `at` is about to run.
    pub(super) fn frame_at(&mut self, file: CodeOf<'_>, at: VirtualAddress) -> Option<StackFrame> {
        if let Some(known) = self.frames.get(&at) {
            return *known;
        }
        let found = match self.function_at(file, at) {
            Some(function) => {
                let code = file.bytes(function);
                code.and_then(|code| stack_frame(self.architecture, code, function.start, at))
            }
            None => {
                let code = file.from(at);
                code.and_then(|code| stack_frame_ahead(self.architecture, code, at))
            }
        };
        self.frames.insert(at, found);
        found
    }

    /// Whether a thread begins at an address.
    pub(super) fn begins_thread(&self, file: CodeOf<'_>, at: VirtualAddress) -> bool {
        let code = file.from(at);
        code.is_some_and(|code| begins_thread_ahead(self.architecture, code, at))
    }

    /// The function around an address, by the symbol table.
    pub(super) fn function_at(
        &mut self,
        file: CodeOf<'_>,
        at: VirtualAddress,
    ) -> Option<AddressRange> {
        let functions = self
            .functions
            .get_or_insert_with(|| functions(file.mapping));
        let after = functions.partition_point(|function| function.start <= at);
        let function = functions.get(after.checked_sub(1)?)?;
        let fits = function.contains(at) && function.size <= MOST_CODE;
        fits.then_some(*function)
    }

    /// The call that returns to an address, if there is one.
    pub(super) fn call_before(&self, file: CodeOf<'_>, at: VirtualAddress) -> Option<CallTarget> {
        const LONGEST: u64 = 7;
        let start = VirtualAddress(at.0.checked_sub(LONGEST)?);
        let before = file.bytes(Range::<VirtualAddress>::new(start, LONGEST))?;
        call_before(self.architecture, before, at)
    }
}

/// All functions that have symbols, sorted; one without a size reaches to the next.
fn functions(mapping: &Mapping) -> Vec<AddressRange> {
    let Ok(image) = Image::parse(mapping.path(), mapping) else {
        return Vec::new();
    };
    let tables = [image.symbols(), image.dynamic_symbols()];
    let symbols = tables.iter().flat_map(|table| &table.symbols);
    let mut found: Vec<(VirtualAddress, u64)> = symbols
        .filter(|symbol| symbol.section.is_some())
        .filter(|symbol| match symbol.kind {
            SymbolKind::Function => true,
            // Assembly often leaves its labels without a type.
            SymbolKind::Untyped => !symbol.name.is_empty() && !symbol.name.starts_with(['.', '$']),
            _ => false,
        })
        .map(|symbol| (symbol.address, symbol.size))
        .collect();
    // The largest of several at one address.
    found.sort_unstable_by_key(|(address, size)| (*address, std::cmp::Reverse(*size)));
    found.dedup_by_key(|(address, _)| *address);
    let ends = found.iter().skip(1).map(|(next, _)| Some(*next));
    let ends: Vec<_> = ends.chain([None]).collect();
    found
        .into_iter()
        .zip(ends)
        .filter_map(|((start, size), next)| {
            let end = match size {
                0 => next.or_else(|| {
                    let (_, section) = image.section_at(start)?;
                    (section.kind == SectionKind::Code).then(|| section.addresses().end())
                })?,
                size => VirtualAddress(start.0.checked_add(size)?),
            };
            Some(Range::<VirtualAddress>::between(start, end))
        })
        .collect()
}
