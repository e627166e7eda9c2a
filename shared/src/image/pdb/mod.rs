//! PDB: what a linker for Windows leaves beside a program.
//!
//! Modules are object files, so crate and codegen unit of what they contributed are exact:
//! contributions cover nearly all bytes, each anonymous constant by itself. Procedures have names as
//! a debugger shows them; mangled names stand among the publics only.
//!
//! Sources: LLVM's "The PDB File Format" and its `CodeView` records, Microsoft's `cvinfo.h`.
//! The file is as hostile as any: streams together are no longer than the file, and each record is
//! read once.

mod contributions;
mod inlined;
mod msf;
mod records;
mod symbols;

pub use inlined::InlinedCode;

use super::{Image, Native, SymbolTable, fields::Fields};
use msf::Streams;
use std::collections::BTreeSet;

/// An opened PDB.
#[derive(Debug)]
pub struct Pdb<'d> {
    streams: Streams<'d>,
    /// The stream with modules and contributions, in one piece.
    debug: Vec<u8>,
    identity: [u8; 16],
}

/// One object file.
#[derive(Clone, Debug)]
struct Module {
    /// Its name; of an archive's member the member's.
    name: String,
    /// The stream of its symbols, and how many bytes of it are symbols.
    stream: u16,
    symbols: u32,
}

/// The stream with the identity, and that with the modules.
const INFORMATION: u32 = 1;
const DEBUG: u32 = 3;

/// The stream that is not there.
const NO_STREAM: u16 = u16::MAX;

/// Bytes of the header of the stream with the modules.
const HEADER: u64 = 64;

impl<'d> Pdb<'d> {
    /// Whether `bytes` begin as a PDB does.
    pub fn is_pdb(bytes: &[u8]) -> bool {
        bytes.starts_with(msf::MAGIC)
    }

    /// Reads the tables of contents; `None` where they are damaged.
    pub fn parse(bytes: &'d [u8]) -> Option<Self> {
        let streams = Streams::parse(bytes)?;
        let information = streams.read(INFORMATION)?;
        let identity = Fields::little(&information).array(12)?;
        let debug = streams.read(DEBUG)?;
        Some(Self {
            streams,
            debug,
            identity,
        })
    }

    /// What the program's debug directory says, too: the GUID of the build.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// Functions, variables and anonymous pieces with the object file that each comes from; addresses
    /// are those of `image`. Linear in the PDB.
    pub fn symbols(&self, image: &Image<'_>) -> SymbolTable<'d> {
        let Native::Pe(header) = &image.native else {
            return SymbolTable::default();
        };
        symbols::read(self, image, header).unwrap_or_default()
    }

    /// What was inlined, innermost first: see [`InlinedCode`].
    pub fn inlined(&self, image: &Image<'_>) -> InlinedCode {
        let Native::Pe(header) = &image.native else {
            return InlinedCode::default();
        };
        inlined::read(self, header).unwrap_or_default()
    }

    /// A part of the stream with the modules: where it starts and its size; `number` in the order of
    /// the parts.
    fn part(&self, number: usize) -> Option<Fields<'_>> {
        let fields = Fields::little(&self.debug);
        // Modules, contributions, section map, sources, type servers, the linker's own, streams.
        let size = |at: u64| fields.u32(at).map(u64::from);
        let sizes = [24, 28, 32, 36, 40, 52, 48];
        let mut start = HEADER;
        for at in sizes.get(..number)? {
            start = start.checked_add(size(*at)?)?;
        }
        let end = start.checked_add(size(*sizes.get(number)?)?)?;
        let part = self.debug.get(start as usize..usize::try_from(end).ok()?)?;
        Some(Fields::little(part))
    }

    /// The symbols of each object file that has some, in one piece each, with the file's number. A
    /// stream is read once, whoever claims it.
    fn streams_of_modules(&self) -> impl Iterator<Item = (u32, Module, Vec<u8>)> + '_ {
        let mut seen = BTreeSet::new();
        (0..)
            .zip(self.modules())
            .filter_map(move |(number, module)| {
                let first = module.stream != NO_STREAM && seen.insert(module.stream);
                let stream = self.streams.read(module.stream.into()).filter(|_| first)?;
                Some((number, module, stream))
            })
    }

    /// All object files, in the order of their numbers.
    fn modules(&self) -> Vec<Module> {
        let Some(fields) = self.part(0) else {
            return Vec::new();
        };
        let mut modules = Vec::new();
        let mut at = 0;
        let mut next = || {
            let (stream, symbols) = (fields.u16(at + 34)?, fields.u32(at + 36)?);
            let name = fields.terminated(at + 64)?;
            let file = fields.terminated(at + 64 + name.len() as u64 + 1)?;
            let end = at + 64 + name.len() as u64 + file.len() as u64 + 2;
            at = end.next_multiple_of(4);
            Some(Module {
                name: String::from_utf8_lossy(name).into_owned(),
                stream,
                symbols,
            })
        };
        while let Some(module) = next() {
            modules.push(module);
        }
        modules
    }
}
