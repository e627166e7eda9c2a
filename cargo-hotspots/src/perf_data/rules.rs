//! Rules of unwind tables that `framehop` does not follow: a frame whose place is computed from
//! memory (`DW_CFA_def_cfa_expression` with a dereference), one that hangs on another register than
//! stack and frame pointer, and what a signal interrupted.
//!
//! framehop takes the frame pointer for the way out of these. Here `gimli` reads the table, and the
//! rule is evaluated with all registers and the copy of the stack.
//!
//! Truth: DWARF 5, section 6.4; the Linux Standard Base for `.eh_frame`. Limits: 64-bit addresses,
//! little endian, and no expression that needs more than registers and the stack.

use super::{
    registers::{AllRegisters, Column, Processor},
    walk::Ending,
};
use gimli::{
    BaseAddresses, CfaRule, Encoding, EndianSlice, Evaluation, EvaluationResult,
    FrameDescriptionEntry, LittleEndian, Location, Register, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection, Value,
};

type Bytes<'b> = EndianSlice<'b, LittleEndian>;

/// No expression that a compiler writes is as long; a hostile one may run for ever.
const MOST_OPERATIONS: u32 = 10_000;

/// What the unwind table says of one address.
#[derive(Clone, Debug)]
pub(super) struct Row {
    frame: Frame,
    registers: Vec<(Column, How)>,
    returns_by: Column,
    /// Whether the caller is what a signal interrupted.
    pub(super) is_signal: bool,
    encoding: Encoding,
}

/// Where the frame (the table's "canonical frame address") is.
#[derive(Clone, Debug)]
enum Frame {
    At(Column, i64),
    Computed(Box<[u8]>),
}

/// Where the caller's value of a register is.
#[derive(Clone, Debug)]
enum How {
    Nowhere,
    Same,
    /// In memory, so far from the frame.
    Saved(i64),
    /// It is so far from the frame.
    Distance(i64),
    In(Column),
    Constant(u64),
    SavedAt(Box<[u8]>),
    Computed(Box<[u8]>),
}

/// Why a rule leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It asks for a register that is not known.
    Register,
    /// The stack ends here.
    End(Ending),
}

impl Row {
    /// What a table's entry says of an address; `context` is what that is worked out in.
    pub(super) fn of<'b, S: UnwindSection<Bytes<'b>>>(
        section: &S,
        bases: &BaseAddresses,
        entry: &FrameDescriptionEntry<Bytes<'b>>,
        address: u64,
        context: &mut UnwindContext<usize>,
    ) -> Option<Self> {
        let row = entry
            .unwind_info_for_address(section, bases, context, address)
            .ok()?;
        let bytes = |expression: &UnwindExpression<usize>| {
            let expression = expression.get(section).ok()?;
            Some(Box::<[u8]>::from(expression.0.slice()))
        };
        let frame = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                Frame::At(Column(register.0), *offset)
            }
            CfaRule::Expression(expression) => Frame::Computed(bytes(expression)?),
        };
        let mut registers = Vec::new();
        for (register, rule) in row.registers() {
            let how = match rule {
                RegisterRule::SameValue => How::Same,
                RegisterRule::Offset(offset) => How::Saved(*offset),
                RegisterRule::ValOffset(offset) => How::Distance(*offset),
                RegisterRule::Register(register) => How::In(Column(register.0)),
                RegisterRule::Constant(value) => How::Constant(*value),
                RegisterRule::Expression(expression) => How::SavedAt(bytes(expression)?),
                RegisterRule::ValExpression(expression) => How::Computed(bytes(expression)?),
                RegisterRule::Undefined | RegisterRule::Architectural => How::Nowhere,
            };
            registers.push((Column(register.0), how));
        }
        Some(Self {
            frame,
            registers,
            returns_by: Column(entry.cie().return_address_register().0),
            is_signal: entry.is_signal_trampoline(),
            encoding: entry.cie().encoding(),
        })
    }

    /// Whether framehop follows it as it is written.
    pub(super) fn is_common(&self, processor: Processor) -> bool {
        let (sp, fp) = (processor.stack_pointer(), processor.frame_pointer());
        let frame = match self.frame {
            Frame::At(column, offset) => (column == sp || column == fp) && offset % 8 == 0,
            Frame::Computed(_) => false,
        };
        let is_common = |column: Column| match self.how(column) {
            None | Some(How::Nowhere | How::Same | How::Saved(_)) => true,
            // Of the frame pointer gcc writes such a one after it has aligned the stack.
            Some(How::SavedAt(code)) => column == fp && is_register_and_offset(code, fp),
            Some(_) => false,
        };
        frame && !self.is_signal && is_common(fp) && is_common(self.returns_by)
    }

    fn how(&self, column: Column) -> Option<&How> {
        let mut registers = self.registers.iter();
        registers
            .find(|(register, _)| *register == column)
            .map(|(_, how)| how)
    }

    /// The caller's registers, with the address where it goes on as the instruction pointer. `read`
    /// reads a word of the stack.
    pub(super) fn leave(
        &self,
        processor: Processor,
        registers: &AllRegisters,
        mut read: impl FnMut(u64) -> Result<u64, Ending>,
    ) -> Result<AllRegisters, Failure> {
        let frame = match &self.frame {
            Frame::At(column, offset) => {
                let value = registers.get(*column).ok_or(Failure::Register)?;
                value.wrapping_add_signed(*offset)
            }
            Frame::Computed(code) => evaluate(code, self.encoding, None, registers, &mut read)?,
        };
        let mut caller = match self.is_signal {
            true => *registers,
            false => registers.kept(processor),
        };
        caller.set(processor.stack_pointer(), Some(frame));
        let mut is_first = false;
        for (column, how) in &self.registers {
            let mut computed =
                |code| evaluate(code, self.encoding, Some(frame), registers, &mut read);
            let value = match how {
                How::Nowhere => {
                    is_first |= *column == self.returns_by;
                    continue;
                }
                How::Same => registers.get(*column).ok_or(Failure::Register),
                How::Distance(offset) => Ok(frame.wrapping_add_signed(*offset)),
                How::In(column) => registers.get(*column).ok_or(Failure::Register),
                How::Constant(value) => Ok(*value),
                How::Computed(code) => computed(code),
                How::SavedAt(code) => computed(code).and_then(|at| read(at).map_err(Failure::End)),
                How::Saved(offset) => {
                    read(frame.wrapping_add_signed(*offset)).map_err(Failure::End)
                }
            };
            match value {
                Ok(value) => caller.set(*column, Some(value)),
                // Whoever needs it finds that it is not known.
                Err(_) if *column != self.returns_by => caller.set(*column, None),
                Err(failure) => return Err(failure),
            }
        }
        if is_first {
            return Err(Failure::End(Ending::Root));
        }
        let returns = match self.how(self.returns_by) {
            Some(_) => caller.get(self.returns_by),
            // A function that calls nothing leaves it in its register.
            None => registers.get(self.returns_by),
        };
        let returns = returns.ok_or(Failure::Register)? & processor.code_mask();
        if returns == 0 {
            return Err(Failure::End(Ending::Root));
        }
        caller.set(processor.instruction_pointer(), Some(returns));
        Ok(caller)
    }
}

/// Whether an expression is no more than a register and a distance.
fn is_register_and_offset(code: &[u8], register: Column) -> bool {
    const BREG0: u16 = 0x70;
    const MORE: u8 = 0x80;
    let Some((operation, offset)) = code.split_first() else {
        return false;
    };
    let last = offset.iter().position(|byte| byte & MORE == 0);
    u16::from(*operation) == BREG0 + register.0 && last == offset.len().checked_sub(1)
}

/// The value of an expression, which begins with `initial` on its stack.
fn evaluate(
    code: &[u8],
    encoding: Encoding,
    initial: Option<u64>,
    registers: &AllRegisters,
    read: &mut impl FnMut(u64) -> Result<u64, Ending>,
) -> Result<u64, Failure> {
    const LOST: Failure = Failure::End(Ending::Lost);
    let mut evaluation = Evaluation::new(EndianSlice::new(code, LittleEndian), encoding);
    evaluation.set_max_iterations(MOST_OPERATIONS);
    if let Some(initial) = initial {
        evaluation.set_initial_value(initial);
    }
    let mut result = evaluation.evaluate().map_err(|_| LOST)?;
    loop {
        result = match result {
            EvaluationResult::Complete => break,
            EvaluationResult::RequiresRegister {
                register: Register(number),
                ..
            } => {
                let value = registers.get(Column(number)).ok_or(Failure::Register)?;
                evaluation.resume_with_register(Value::Generic(value))
            }
            EvaluationResult::RequiresMemory {
                address,
                size,
                space: None,
                ..
            } => {
                let word = read(address).map_err(Failure::End)?;
                let unused = 64_u32.saturating_sub(u32::from(size).saturating_mul(8));
                let mask = u64::MAX.checked_shr(unused).unwrap_or_default();
                evaluation.resume_with_memory(Value::Generic(word & mask))
            }
            _ => return Err(LOST),
        }
        .map_err(|_| LOST)?;
    }
    match evaluation.as_result().last().map(|piece| &piece.location) {
        Some(Location::Address { address }) => Ok(*address),
        _ => Err(LOST),
    }
}
