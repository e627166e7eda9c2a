//! The load commands of a Mach-O file: segments, and where the parts of `__LINKEDIT` are.

use super::super::fields::Fields;

/// A segment's command.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentCommand {
    /// Where the command stands.
    pub(super) at: u64,
    /// Where its first section's header stands.
    pub(super) first: u64,
    /// How many sections it has.
    pub(super) sections: u32,
    pub(super) address: u64,
    pub(super) memory: u64,
    pub(super) file: u64,
    pub(super) file_size: u64,
    /// Protection at the start: 1 read, 2 write, 4 execute.
    pub(super) initial: u32,
}

/// A range of the file as a command gives it: offset and size.
pub(super) type Given = (u64, u64);

/// What the load commands say, besides the segments' sections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands {
    /// Behind the last command.
    pub(super) end: u64,
    pub(super) flags: u32,
    pub(super) file_type: u32,
    pub(super) segments: Vec<SegmentCommand>,
    /// Parts of `__LINKEDIT`, by what they are.
    pub(super) parts: Vec<(Part, Given)>,
    /// How many symbols LC_SYMTAB has.
    pub(super) symbols: u32,
    /// Where execution starts, from the start of `__TEXT`.
    pub(super) entry: Option<u64>,
    /// Where the UUID of the build stands.
    pub(crate) uuid: Option<u64>,
    /// Platform, oldest system and SDK.
    pub(super) build: Option<(u32, u32, u32)>,
    /// Libraries: where their command stands, and its number.
    pub(super) libraries: Vec<(u64, u32)>,
    /// Where the commands with run paths stand, and with the loader's path.
    pub(super) run_paths: Vec<u64>,
    pub(super) loader: Option<u64>,
    /// Where the command with a library's own name stands.
    pub(super) identity: Option<u64>,
}

/// A part of `__LINKEDIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Symbols,
    Strings,
    Indirect,
    ExternalRelocations,
    LocalRelocations,
    Rebase,
    Bind,
    WeakBind,
    LazyBind,
    ExportTrie,
    ChainedFixups,
    FunctionStarts,
    DataInCode,
    Signature,
    SplitInfo,
    SigningRequirements,
    OptimizationHints,
    AtomInfo,
    FunctionVariants,
    FunctionVariantFixups,
}

/// A command has at least eight bytes; the header says how many bytes all have.
const SMALLEST: u32 = 8;

impl Commands {
    /// Reads all commands; what follows a damaged one is left out.
    pub(super) fn read(fields: Fields<'_>, is_64: bool) -> Option<Self> {
        let (count, size) = (fields.u32(16)?, fields.u32(20)?);
        let header = if is_64 { 32 } else { 28 };
        let mut commands = Self {
            end: header + u64::from(size),
            flags: fields.u32(24)?,
            file_type: fields.u32(12)?,
            ..Self::default()
        };
        let end = commands.end.min(fields.bytes.len() as u64);
        let mut at = header;
        for _ in 0..count {
            let (Some(command), Some(length)) = (fields.u32(at), fields.u32(at + 4)) else {
                break;
            };
            let next = at + u64::from(length);
            if length < SMALLEST || next > end {
                break;
            }
            commands.take(fields, is_64, (command, at, next));
            at = next;
        }
        Some(commands)
    }

    fn take(&mut self, fields: Fields<'_>, is_64: bool, (command, at, next): (u32, u64, u64)) {
        let word = |place: u64| {
            let inside = at + place + 4 <= next;
            fields.u32(at + place).filter(|_| inside)
        };
        let pair = |place: u64| Some((u64::from(word(place)?), u64::from(word(place + 4)?)));
        let mut add = |part: Part, given: Option<Given>| {
            let given = given.filter(|(_, size)| *size > 0);
            self.parts.extend(given.map(|given| (part, given)));
        };
        match command & 0x7fff_ffff {
            // LC_SEGMENT, LC_SEGMENT_64
            0x01 | 0x19 => {
                let found = segment(fields, command == 0x19, at, next);
                self.segments
                    .extend(found.filter(|_| is_64 == (command == 0x19)));
            }
            // LC_SYMTAB
            0x02 => {
                let entry = if is_64 { 16 } else { 12 };
                let table = pair(8);
                add(
                    Part::Symbols,
                    table.map(|(offset, count)| (offset, count * entry)),
                );
                add(Part::Strings, pair(16));
                self.symbols = word(12).unwrap_or_default();
            }
            // LC_DYSYMTAB
            0x0b => {
                let table = |place, entry| {
                    pair(place).map(|(offset, count): Given| (offset, count * entry))
                };
                add(Part::Indirect, table(56, 4));
                add(Part::ExternalRelocations, table(64, 8));
                add(Part::LocalRelocations, table(72, 8));
            }
            // LC_DYLD_INFO
            0x22 => {
                add(Part::Rebase, pair(8));
                add(Part::Bind, pair(16));
                add(Part::WeakBind, pair(24));
                add(Part::LazyBind, pair(32));
                add(Part::ExportTrie, pair(40));
            }
            0x1d => add(Part::Signature, pair(8)),
            0x1e => add(Part::SplitInfo, pair(8)),
            0x26 => add(Part::FunctionStarts, pair(8)),
            0x29 => add(Part::DataInCode, pair(8)),
            0x2b => add(Part::SigningRequirements, pair(8)),
            0x2e => add(Part::OptimizationHints, pair(8)),
            0x33 => add(Part::ExportTrie, pair(8)),
            0x34 => add(Part::ChainedFixups, pair(8)),
            0x36 => add(Part::AtomInfo, pair(8)),
            0x37 => add(Part::FunctionVariants, pair(8)),
            0x38 => add(Part::FunctionVariantFixups, pair(8)),
            // LC_UUID
            0x1b => self.uuid = Some(at + 8).filter(|_| at + 24 <= next),
            // LC_MAIN
            0x28 => self.entry = fields.u64(at + 8).filter(|_| at + 16 <= next),
            // LC_VERSION_MIN_MACOSX
            0x24 => self.build = word(8).zip(word(12)).map(|(least, sdk)| (1, least, sdk)),
            // LC_BUILD_VERSION
            0x32 => {
                let versions = word(12).zip(word(16));
                self.build = word(8)
                    .zip(versions)
                    .map(|(platform, (least, sdk))| (platform, least, sdk));
            }
            // LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_LAZY_LOAD_DYLIB,
            // LC_LOAD_UPWARD_DYLIB
            0x0c | 0x18 | 0x1f | 0x20 | 0x23 => self.libraries.push((at, command)),
            // LC_ID_DYLIB
            0x0d => self.identity = Some(at),
            // LC_RPATH
            0x1c => self.run_paths.push(at),
            // LC_LOAD_DYLINKER
            0x0e => self.loader = Some(at),
            _ => {}
        }
    }

    /// The bytes of a part, as the commands give them.
    pub(super) fn part(&self, part: Part) -> Option<Given> {
        let mut parts = self.parts.iter();
        parts.find(|(of, _)| *of == part).map(|(_, given)| *given)
    }
}

fn segment(fields: Fields<'_>, is_64: bool, at: u64, next: u64) -> Option<SegmentCommand> {
    let word: u64 = if is_64 { 8 } else { 4 };
    let value = |number: u64| fields.word(at + 24 + number * word, is_64);
    let rest = at + 24 + 4 * word;
    let first = rest + 16;
    let room = next.checked_sub(first)? / if is_64 { 80 } else { 68 };
    Some(SegmentCommand {
        at,
        first,
        sections: fields.u32(rest + 8)?.min(u32::try_from(room).ok()?),
        address: value(0)?,
        memory: value(1)?,
        file: value(2)?,
        file_size: value(3)?,
        initial: fields.u32(rest + 4)?,
    })
}
