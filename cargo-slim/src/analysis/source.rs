//! Source lines of a few addresses, with the functions that were inlined there.

use super::{model::SourcePlace, subject::Subject};
use addr2line::{Context, LookupResult};
use codecost::{address::VirtualAddress, demangle::Name};
use gimli::{EndianSlice, RunTimeEndian};

type Reader<'d> = EndianSlice<'d, RunTimeEndian>;

/// The debug information, for questions about single addresses.
pub(super) struct Source<'d> {
    context: Option<Context<Reader<'d>>>,
    /// What its addresses are counted from.
    base: u64,
}

/// What is at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    /// The line that was written for it.
    pub(super) place: Option<SourcePlace>,
    /// The functions that were inlined there, innermost first.
    pub(super) inlined: Vec<String>,
}

/// A function at an address, itself or inlined.
pub(super) struct Frame {
    /// Its symbol.
    pub(super) symbol: Option<String>,
    /// The line in it.
    pub(super) place: Option<SourcePlace>,
}

/// More functions than this are not inlined into each other.
const DEEPEST: usize = 64;

impl<'d> Source<'d> {
    /// Linear in the number of units; the rest is read when it is asked for.
    pub(super) fn new(subject: &'d Subject<'_>) -> Self {
        let endian = match subject.image.little_endian {
            true => RunTimeEndian::Little,
            false => RunTimeEndian::Big,
        };
        let section = |id: gimli::SectionId| {
            let bytes = match id {
                gimli::SectionId::DebugAranges => subject.debug.address_ranges(),
                _ => subject.debug.section(id.name()).unwrap_or_default(),
            };
            Ok::<_, gimli::Error>(EndianSlice::new(bytes, endian))
        };
        let shared = |id: gimli::SectionId| {
            let bytes = subject.debug.shared_section(id.name());
            Ok::<_, gimli::Error>(EndianSlice::new(bytes.unwrap_or_default(), endian))
        };
        let dwarf = gimli::Dwarf::load(section).ok().map(|mut dwarf| {
            // What `dwz` moved to a file that several others share.
            if subject.debug.has_shared() {
                let _ = dwarf.load_sup(shared);
            }
            dwarf
        });
        let dwarf = dwarf.filter(|_| !subject.debug.is_empty());
        Self {
            base: subject.image.debug_base(),
            context: dwarf.and_then(|dwarf| Context::from_dwarf(dwarf).ok()),
        }
    }

    /// Whether there is any.
    pub(super) fn is_there(&self) -> bool {
        self.context.is_some()
    }

    /// The address as the debug information counts it.
    fn probe(&self, address: VirtualAddress) -> Option<u64> {
        address.0.checked_sub(self.base)
    }

    /// The line at which the innermost function at `address` was inlined: of the call.
    pub(super) fn call_at(&self, address: VirtualAddress) -> Option<SourcePlace> {
        let probe = self.probe(address)?;
        let mut frames = match self.context.as_ref()?.find_frames(probe) {
            LookupResult::Output(frames) => frames.ok()?,
            load @ LookupResult::Load { .. } => load.skip_all_loads().ok()?,
        };
        frames.next().ok()??;
        let location = frames.next().ok()??.location?;
        Some(SourcePlace {
            file: location.file?.to_owned(),
            line: location.line.filter(|line| *line > 0),
        })
    }

    /// What is at `address`; nothing where the debug information does not know it or is damaged.
    pub(super) fn at(&self, address: VirtualAddress) -> At {
        let mut frames = self.frames(address);
        // The last is the function that the code is in.
        let place = frames.iter_mut().find_map(|frame| frame.place.take());
        frames.pop();
        let full = |frame: Frame| match frame.symbol {
            Some(symbol) => Name::parse(&symbol).full(),
            None => "[unknown]".into(),
        };
        At {
            place,
            inlined: frames.into_iter().map(full).collect(),
        }
    }

    /// The functions at `address`, the innermost first and the one that the code is in last.
    pub(super) fn frames(&self, address: VirtualAddress) -> Vec<Frame> {
        let mut found = Vec::new();
        let (Some(context), Some(probe)) = (&self.context, self.probe(address)) else {
            return found;
        };
        let mut frames = match context.find_frames(probe) {
            LookupResult::Output(Ok(frames)) => frames,
            LookupResult::Output(Err(_)) => return found,
            load @ LookupResult::Load { .. } => match load.skip_all_loads() {
                Ok(frames) => frames,
                Err(_) => return found,
            },
        };
        while let (Ok(Some(frame)), true) = (frames.next(), found.len() < DEEPEST) {
            let place = frame.location.and_then(|location| {
                let file = location.file?.to_owned();
                let line = location.line.filter(|line| *line > 0);
                Some(SourcePlace { file, line })
            });
            let name = frame.function.as_ref();
            let name = name.and_then(|name| name.raw_name().ok());
            let symbol = name.map(|name| name.into_owned());
            found.push(Frame { symbol, place });
        }
        found
    }
}
