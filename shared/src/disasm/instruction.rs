//! One decoded instruction: what it is called, where it leads and what makes it dear.
//!
//! Limits: what an instruction costs depends on the processor. [`Work`] says only what the
//! instruction set says: that it divides, locks, repeats or works on vectors.

use crate::address::VirtualAddress;

/// How instructions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// `mov rax, [rdi + 8]`: as the processors' manuals write it.
    #[default]
    Intel,
    /// `mov 8(%rdi), %rax`: as GNU tools write it.
    Att,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it stands.
    pub address: VirtualAddress,
    /// Its bytes; never zero.
    pub length: u8,
    /// As people read it. Addresses are numbers: who knows names, adds them.
    pub text: String,
    /// Where it leads.
    pub flow: Flow,
    /// The address of the data that it refers to, where the instruction alone gives it.
    pub memory: Option<VirtualAddress>,
    /// What makes it dear.
    pub work: Work,
}

impl Instruction {
    /// The first address behind it; the last address of all stays where it is.
    pub fn end(&self) -> VirtualAddress {
        VirtualAddress(self.address.0.saturating_add(u64::from(self.length)))
    }

    /// The first word of its text that is not a prefix.
    pub fn mnemonic(&self) -> &str {
        const PREFIXES: [&str; 8] = [
            "lock", "rep", "repe", "repne", "bnd", "notrack", "xacquire", "xrelease",
        ];
        let mut words = self.text.split_whitespace();
        words
            .find(|word| !PREFIXES.contains(word))
            .unwrap_or(self.text.as_str())
    }
}

/// Where an instruction leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next one.
    Next,
    /// To a function, and when that returns to the next one.
    Call(Target),
    /// Elsewhere.
    Jump(Target),
    /// Elsewhere or to the next one.
    Branch(VirtualAddress),
    /// To the caller.
    Return,
    /// Nowhere: it traps, or it is no instruction.
    Stop,
}

/// The place that a call or jump leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This address.
    Address(VirtualAddress),
    /// The address that is stored here: a slot of the global offset table, most often.
    Slot(VirtualAddress),
    /// Only the running program knows: a register or a computed slot.
    Unknown,
}

/// What makes an instruction dear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// It divides, whole numbers or others.
    pub division: bool,
    /// It takes a square root.
    pub square_root: bool,
    /// It is atomic for all processors: a `lock` prefix, or an exchange with memory.
    pub locked: bool,
    /// It repeats itself over memory: `rep movs` and the like.
    pub repeated: bool,
    /// It works on vector registers.
    pub vector: Option<Vector>,
}

/// How an instruction uses vector registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    /// The width of the largest register.
    pub bits: u16,
    /// Whether it works on all lanes; else only on the lowest.
    pub packed: bool,
    /// Whether it only moves data.
    pub moves: bool,
}
