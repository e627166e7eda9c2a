//! What `cargo hotspots asm` shows: the machine code of one function, with all it is known for.
//! Times are sums of periods; what they are a share of is [`Asm::total`].

pub use crate::analysis::model::Weight;

use crate::{analysis::model::CrateInfo, profile::CallGraph};
use codecost::{
    address::{AddressRange, VirtualAddress},
    report::Warning,
};

/// The machine code of a function that ran.
#[derive(Clone, Debug, Default)]
pub struct Asm {
    /// The function, in full.
    pub function: String,
    /// Its crate.
    pub owner: Option<String>,
    /// The crate's version.
    pub version: Option<String>,
    /// The file that it is in, as the recording names it.
    pub module: String,
    /// The event that was sampled.
    pub event: String,
    /// How call stacks were recorded.
    pub call_graph: CallGraph,
    /// Whether a sample names the instruction that caused it; else it lands after that.
    pub precise: bool,
    /// All samples of the recording.
    pub total: Weight,
    /// The samples in the function's code, wherever it is.
    pub own: Weight,
    /// Where its code is, hottest first: its own copies, and the functions that it was inlined
    /// into. Rows, loops and ranges say which one they belong to.
    pub parts: Vec<Part>,
    /// The instructions, part after part, by address.
    pub rows: Vec<Row>,
    /// The natural loops, part after part, outer before inner.
    pub loops: Vec<LoopRow>,
    /// What it was inlined into, hottest first, shown or not.
    pub callers_if_inlined: Vec<Caller>,
    /// Copies of the function that are not shown, hottest first.
    pub other_copies: Vec<Caller>,
    /// Source lines that rows refer to, by file and line.
    pub source: Vec<SourceLine>,
    /// Source files that rows refer to, as the debug information names them.
    pub files: Vec<String>,
    /// What makes this less than it seems.
    pub warnings: Vec<Warning>,
}

impl Weight {
    /// As a fraction of `whole`.
    pub fn share_of(self, whole: Self) -> f64 {
        codecost::units::Share::of(self.period, whole.period).0
    }
}

/// A place where the function's code is.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The function that the symbol table has there: this one, or what it was inlined into.
    pub function: String,
    /// The symbol's name as it is in the file.
    pub symbol: String,
    /// Whether it is there because it was inlined.
    pub inlined: bool,
    /// The ranges, by address.
    pub ranges: Vec<RangeRow>,
    /// The samples there.
    pub own: Weight,
    /// Cycles that are no natural loops, by the number of their jumps.
    pub irreducible: usize,
    /// Indirect jumps whose targets could not be found.
    pub unresolved: usize,
}

/// A range of addresses of the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRow {
    /// Where it is in the file.
    pub addresses: AddressRange,
    /// Whether the compiler moved it away because it seldom runs.
    pub cold: bool,
    /// The samples there.
    pub own: Weight,
}

/// A function and the samples that it has to do with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Its name in full.
    pub function: String,
    /// The samples.
    pub own: Weight,
    /// Whether its code is among the rows.
    pub shown: bool,
}

/// An instruction.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The part it belongs to, by its position in [`Asm::parts`].
    pub part: usize,
    /// Its address in the file.
    pub address: VirtualAddress,
    /// How many bytes it takes.
    pub length: u8,
    /// As people read it.
    pub text: String,
    /// Samples that landed on it.
    pub own: Weight,
    /// The file of its line, by its position in [`Asm::files`].
    pub file: Option<usize>,
    /// The line, of the innermost inlined function.
    pub line: Option<u32>,
    /// What was inlined here, innermost first, without the function that is not inlined.
    pub inlined: Vec<String>,
    /// What a call or jump leads to; an address where that is in the same function.
    pub target: Option<Lead>,
    /// Whether it starts a basic block.
    pub leader: bool,
    /// The innermost loop, by its position in [`Asm::loops`].
    pub innermost: Option<usize>,
    /// What is worth knowing about it.
    pub marks: Vec<Mark>,
}

/// What a call or jump leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Another place of the same function.
    Inside(VirtualAddress),
    /// Something with a name.
    Named(String),
}

/// A loop.
#[derive(Clone, Debug, Default)]
pub struct LoopRow {
    /// The part it belongs to.
    pub part: usize,
    /// The address of the block through which it is entered.
    pub header: VirtualAddress,
    /// How many loops there are around it, itself included.
    pub depth: u32,
    /// The loop around it.
    pub parent: Option<usize>,
    /// The samples in it, inner loops included.
    pub own: Weight,
    /// Its instructions, inner loops included.
    pub instructions: usize,
    /// Those that are in no inner loop.
    pub without_inner: usize,
    /// The file that the loop is written in.
    pub file: Option<usize>,
    /// The line where it begins.
    pub line: Option<u32>,
    /// How often each mark is in it, inner loops included; the most important first.
    pub marks: Vec<(MarkKind, usize)>,
}

/// Something worth knowing about an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What.
    pub kind: MarkKind,
    /// More of it: the function that is called, the width of the vector.
    pub detail: String,
    /// The file of the line that asked for it: the innermost line outside std.
    pub file: Option<usize>,
    /// That line.
    pub line: Option<u32>,
}

/// What is worth knowing about an instruction. In the order of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// A jump to code that panics because an index or range is out of bounds.
    BoundsCheck,
    /// A jump to code that panics for another reason.
    Check,
    /// A division.
    Division,
    /// A square root.
    SquareRoot,
    /// An atomic instruction.
    Locked,
    /// A call of the allocator.
    Allocation,
    /// A call that copies, sets or compares memory.
    Memory,
    /// A repeated string instruction.
    Repeated,
    /// A call of `Clone::clone`.
    Clone,
    /// A call that hashes.
    Hashing,
    /// A call that formats text.
    Formatting,
    /// A call through a register or table: a trait object or function pointer.
    IndirectCall,
    /// Arithmetic on all lanes of a vector.
    Packed,
    /// Arithmetic on one lane of a vector register.
    Scalar,
}

impl MarkKind {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BoundsCheck => "bounds-check",
            Self::Check => "check",
            Self::Division => "division",
            Self::SquareRoot => "square-root",
            Self::Locked => "locked",
            Self::Allocation => "allocation",
            Self::Memory => "memory",
            Self::Repeated => "repeated",
            Self::Clone => "clone",
            Self::Hashing => "hashing",
            Self::Formatting => "formatting",
            Self::IndirectCall => "indirect-call",
            Self::Packed => "packed",
            Self::Scalar => "scalar",
        }
    }

    /// One of it, in words.
    pub fn noun(self) -> &'static str {
        match self {
            Self::BoundsCheck => "bounds check",
            Self::Check => "panic check",
            Self::Division => "division",
            Self::SquareRoot => "square root",
            Self::Locked => "locked instruction",
            Self::Allocation => "allocator call",
            Self::Memory => "memory call",
            Self::Repeated => "repeated string instruction",
            Self::Clone => "clone call",
            Self::Hashing => "hashing call",
            Self::Formatting => "formatting call",
            Self::IndirectCall => "indirect call",
            Self::Packed => "packed vector instruction",
            Self::Scalar => "scalar vector instruction",
        }
    }
}

/// A loop among the hottest of the recording.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// The function that the loop is written in: the innermost inlined one around all of it that is
    /// not of the system.
    pub function: String,
    /// Its crate.
    pub owner: Option<CrateInfo>,
    /// The function in whose machine code it is; the same unless it was inlined.
    pub symbol: String,
    /// The file of the loop's first line.
    pub file: Option<String>,
    /// The line where the loop begins.
    pub line: Option<u32>,
    /// The address of its first block.
    pub header: VirtualAddress,
    /// How many loops there are around it, itself included.
    pub depth: u32,
    /// The samples in it, without inner loops.
    pub own: Weight,
    /// The samples in it, with inner loops.
    pub inclusive: Weight,
    /// Its instructions, without inner loops; so are all figures below.
    pub instructions: usize,
    /// With those of inner loops.
    pub with_inner: usize,
    /// Its basic blocks.
    pub blocks: usize,
    /// The lines with the most samples, most first.
    pub lines: Vec<CardLine>,
    /// Checks of bounds and others that may panic.
    pub checks: Vec<Check>,
    /// Vector arithmetic.
    pub simd: Simd,
    /// What is called, each function once, most often first.
    pub calls: Vec<(String, usize)>,
    /// Divisions.
    pub divisions: usize,
    /// Square roots.
    pub square_roots: usize,
    /// Atomic instructions.
    pub locks: usize,
    /// Calls of the allocator.
    pub allocations: usize,
    /// The instructions, as people read them.
    pub code: Vec<CodeLine>,
    /// What a model of the processor says of it.
    pub model: Option<Throughput>,
}

/// A source line of a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardLine {
    /// Its file.
    pub file: String,
    /// Its number.
    pub line: u32,
    /// Its text, where it could be read.
    pub text: Option<String>,
    /// The samples in it, and in what was inlined into it.
    pub own: Weight,
}

/// A check in a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is checked.
    pub kind: MarkKind,
    /// The function that panics: `panic_bounds_check`.
    pub panics: String,
    /// The file of the line that asked for it.
    pub file: Option<String>,
    /// That line.
    pub line: Option<u32>,
    /// Its text.
    pub text: Option<String>,
    /// What is indexed, where the line says it.
    pub variable: Option<String>,
}

/// Arithmetic in vector registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simd {
    /// On all lanes.
    pub packed: usize,
    /// On one lane.
    pub scalar: usize,
    /// The bits of the widest register that is used on all lanes.
    pub width: u32,
}

/// An instruction of a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeLine {
    /// Its address.
    pub address: VirtualAddress,
    /// As people read it.
    pub text: String,
    /// What it calls or jumps to, outside the loop.
    pub target: Option<String>,
    /// The samples on it.
    pub own: Weight,
}

/// What `llvm-mca` says of a loop: a model of the processor, no measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throughput {
    /// The processor that it models.
    pub cpu: String,
    /// Cycles for each time around, if every block runs once and every access hits the first cache.
    pub cycles: f64,
    /// What limits it, in the model's words.
    pub bottleneck: Option<String>,
}

/// A line of source text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLine {
    /// The file, by its position in [`Asm::files`].
    pub file: usize,
    /// The line's number, from one.
    pub line: u32,
    /// Its text without the indentation.
    pub text: String,
}

impl Asm {
    /// The text of a source line, where it could be read.
    pub fn source_of(&self, file: Option<usize>, line: Option<u32>) -> Option<&str> {
        let wanted = (file?, line?);
        let found = self
            .source
            .binary_search_by_key(&wanted, |source| (source.file, source.line))
            .ok()?;
        self.source.get(found).map(|source| source.text.as_str())
    }

    /// The name of a file.
    pub fn file(&self, file: Option<usize>) -> Option<&str> {
        self.files.get(file?).map(String::as_str)
    }

    /// The samples in the basic block of each row: a sample lands near what it is for, seldom on it.
    pub fn block_weights(&self) -> Vec<Weight> {
        let mut sums: Vec<Weight> = Vec::new();
        let mut blocks = Vec::with_capacity(self.rows.len());
        let mut before: Option<&Row> = None;
        for row in &self.rows {
            let follows = before.is_some_and(|before| {
                let end = before.address.checked_add(before.length.into());
                before.part == row.part && end == Some(row.address)
            });
            if row.leader || !follows {
                sums.push(Weight::default());
            }
            if let Some(sum) = sums.last_mut() {
                *sum += row.own;
            }
            blocks.push(sums.len().saturating_sub(1));
            before = Some(row);
        }
        let of_block = |block| sums.get(block).copied().unwrap_or_default();
        blocks.into_iter().map(of_block).collect()
    }
}
