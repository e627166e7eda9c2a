//! What is known of a module's file, and the file once it is opened.

use super::{
    code::{CodeOf, FileCode, Said},
    debug_frame::{self, ForDebuggers},
    registers::Processor,
    rules::Row,
    unwind::{Engine, Span},
};
use crate::profile::{ModuleKind, ModuleProblem};
use codecost::{
    address::{AddressRange, FileOffset, FileRange, VirtualAddress},
    disasm::{CallTarget, StackFrame},
    image::{Image, Mapping},
};
use std::{collections::HashMap, sync::Arc, time::SystemTime};

/// What the recording says of files in addition to their mappings.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Build ids, by path.
    pub(super) build_ids: HashMap<Vec<u8>, Vec<u8>>,
    /// The kernel's release.
    pub(super) kernel: Option<String>,
    /// When it was last written.
    pub(super) at: Option<SystemTime>,
}

/// What a mapping says of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// Nothing.
    #[default]
    Unknown,
    /// Device and inode. Numbers of inodes are used again: `generation` tells those apart, and is
    /// 0 where nothing says it.
    Inode {
        major: u32,
        minor: u32,
        inode: u64,
        generation: u64,
    },
    /// Its build id.
    BuildId(Vec<u8>),
}

impl Identity {
    /// The same in any generation, and the generation.
    pub(super) fn of_any(&self) -> (Self, u64) {
        let mut any = self.clone();
        match &mut any {
            Self::Inode { generation, .. } => {
                let own = std::mem::take(generation);
                (any, own)
            }
            _ => (any, 0),
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: Vec<u8>,
    pub(super) kind: ModuleKind,
    pub(super) identity: Identity,
    pub(super) build_id: Option<Vec<u8>>,
    /// The end of what was mapped of it.
    pub(super) mapped_to: FileOffset,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// No address in it was asked for.
    Untouched,
    Open(Box<OpenFile>),
    Problem(Option<ModuleProblem>),
}

/// By which rule the function at a place is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// By its unwind table, as framehop follows it.
    Library,
    /// By its unwind table, in a way that framehop does not know.
    Own,
    /// As [`Self::Own`]; the caller is what a signal interrupted.
    Signal,
    /// The instructions that end a signal handler: the kernel saved the registers on the stack.
    SignalReturn,
    /// No table is for it, but a function begins right after it, whose address is where the thread or
    /// coroutine begins: nothing called it.
    Begins,
    /// There is no table.
    Absent,
}

/// A file that was opened.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) mapping: Arc<Mapping>,
    /// What the loader maps: ranges of the file, where they go, and whether they are code.
    pub(super) segments: Vec<(FileRange, VirtualAddress, bool)>,
    /// Its place among all files that can be unwound.
    pub(super) span: Option<Span>,
    /// Its second place there, with the tables for debuggers, and which functions only those describe.
    pub(super) for_debuggers: Option<(Span, ForDebuggers)>,
    /// What unwind tables say of addresses, as far as it was asked for.
    pub(super) rows: HashMap<VirtualAddress, Option<Arc<Row>>>,
    /// The functions that threads begin with, once they were asked for.
    pub(super) roots: Option<Vec<AddressRange>>,
    /// What is known of its machine code, once it was asked for.
    pub(super) code: Option<Box<FileCode>>,
}

impl OpenFile {
    pub(super) fn address(&self, offset: FileOffset) -> Option<VirtualAddress> {
        let holds = |code: bool| {
            self.segments
                .iter()
                .find(|(range, _, is_code)| *is_code == code && range.contains(offset))
        };
        // Pages at the border of two segments are mapped for both; code runs in the one for code.
        let (range, address, _) = holds(true).or_else(|| holds(false))?;
        address.checked_add(offset.checked_since(range.start)?)
    }

    /// What is known of its machine code, and the code.
    fn code(&mut self) -> (&mut FileCode, CodeOf<'_>) {
        let mapping: &Mapping = &self.mapping;
        let code = self
            .code
            .get_or_insert_with(|| Box::new(FileCode::of(mapping)));
        let segments = self.segments.as_slice();
        (code, CodeOf { mapping, segments })
    }

    /// By which rule the function at an address is left; `address` is where it is, or in the call that
    /// it waits for.
    pub(super) fn rule(&mut self, processor: Processor, address: VirtualAddress) -> Rule {
        let said = match self.for_debuggers_at(address) {
            Some(row) => Some(Said::Row(row)),
            None => {
                let (code, file) = self.code();
                code.said(file, address)
            }
        };
        let (code, file) = self.code();
        match said {
            Some(Said::Row(Some(row))) if row.is_signal => {
                match code.signal_return(file, processor, address) {
                    Some(_) => Rule::SignalReturn,
                    None => Rule::Signal,
                }
            }
            Some(Said::Row(Some(row))) if !row.is_common(processor) => Rule::Own,
            // What cannot be told, framehop may know better.
            Some(Said::Row(_)) | None => Rule::Library,
            Some(Said::Nothing { begins_after }) => {
                match code.signal_return(file, processor, address) {
                    Some(_) => Rule::SignalReturn,
                    // No call is in front of it: the address was put onto the stack by hand.
                    None if begins_after => Rule::Begins,
                    None => Rule::Absent,
                }
            }
        }
    }

    /// What the unwind table says of an address. It is read once.
    pub(super) fn row(&mut self, address: VirtualAddress) -> Option<Arc<Row>> {
        if let Some(known) = self.rows.get(&address) {
            return known.clone();
        }
        let row = match self.for_debuggers_at(address) {
            Some(row) => row,
            None => {
                let (code, file) = self.code();
                match code.said(file, address) {
                    Some(Said::Row(row)) => row,
                    _ => None,
                }
            }
        };
        let row = row.map(Arc::new);
        self.rows.insert(address, row.clone());
        row
    }

    /// What the table for debuggers says of an address that only it describes.
    fn for_debuggers_at(&mut self, address: VirtualAddress) -> Option<Option<Row>> {
        let (_, ForDebuggers { bytes, functions }) = self.for_debuggers.as_ref()?;
        let found = *debug_frame::find(functions, address)?;
        let bytes = bytes.clone();
        let (code, _) = self.code();
        let context = &mut code.context;
        Some(debug_frame::row(&bytes, &found, address, context))
    }

    fn is_for_debuggers(&self, address: VirtualAddress) -> bool {
        let tables = self.for_debuggers.as_ref();
        tables.is_some_and(|(_, it)| debug_frame::find(&it.functions, address).is_some())
    }

    /// The place, among all files that can be unwound, of the tables for an address.
    pub(super) fn span_at(&self, address: VirtualAddress) -> Option<Span> {
        match &self.for_debuggers {
            Some((span, _)) if self.is_for_debuggers(address) => Some(*span),
            _ => self.span,
        }
    }

    /// Finds its places among all files that can be unwound.
    pub(super) fn add_to(&mut self, engine: &mut Engine) {
        self.span = engine.add(&self.mapping, None);
        let image = Image::parse(self.mapping.path(), &self.mapping).ok();
        let needed = image.and_then(|image| debug_frame::needed(&image));
        if let Some(tables) = needed {
            let span = engine.add(&self.mapping, Some(tables.bytes.clone()));
            self.for_debuggers = span.map(|span| (span, tables));
        }
    }

    /// See [`FileCode::frame_at`].
    pub(super) fn frame_at(&mut self, at: VirtualAddress) -> Option<StackFrame> {
        let (code, file) = self.code();
        code.frame_at(file, at)
    }

    /// See [`FileCode::begins_thread`].
    pub(super) fn begins_thread(&mut self, at: VirtualAddress) -> bool {
        let (code, file) = self.code();
        code.begins_thread(file, at)
    }

    /// See [`FileCode::function_at`].
    pub(super) fn function_at(&mut self, at: VirtualAddress) -> Option<AddressRange> {
        let (code, file) = self.code();
        code.function_at(file, at)
    }

    /// See [`FileCode::call_before`].
    pub(super) fn call_before(&mut self, at: VirtualAddress) -> Option<CallTarget> {
        let (code, file) = self.code();
        code.call_before(file, at)
    }
}
