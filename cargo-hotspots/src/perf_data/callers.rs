//! Which rule leads from a function to its caller, and the way by it.

use super::{
    module_file::Rule,
    places::Places,
    process::AddressSpace,
    registers::AllRegisters,
    rules::Failure,
    unwind::Step,
    walk::{Ending, Walk},
};
use crate::profile::{FrameId, ModuleKind, Place, RuntimeAddress};
use codecost::disasm::CallTarget;
use std::sync::Arc;

impl Places<'_> {
    /// By which rule the function at a place is left, as far as that can be told.
    pub(super) fn rule(&mut self, frame: FrameId) -> Rule {
        if let Some(known) = self.known.rule(frame) {
            return known;
        }
        let processor = self.engine.as_ref().map(|engine| engine.processor());
        let found = self.fold.frame_at(frame);
        let rule = found.zip(processor).and_then(|(found, processor)| {
            let Place::Code(address) = found.place else {
                return None;
            };
            let is_file = self.files.kind(found.module) == ModuleKind::File;
            let (opened, _) = self.files.open(found.module).filter(|_| is_file)?;
            Some(opened.rule(processor, address))
        });
        let rule = rule.unwrap_or(Rule::Library);
        self.known.note_rule(frame, rule);
        rule
    }

    /// Where the function at the last of `frames`, which goes on `at`, returns to.
    pub(super) fn return_address(
        &mut self,
        walk: &mut Walk<'_>,
        space: &Arc<AddressSpace>,
        (frame, at): (FrameId, RuntimeAddress),
        (step, rule): (Step, Rule),
        frames: &[FrameId],
    ) -> Result<u64, Ending> {
        match (rule, step) {
            (Rule::Library, _) | (_, Step::FramePointer | Step::Stop) => {
                let engine = self.engine.as_mut().ok_or(Ending::Lost)?;
                engine.next(walk, step)
            }
            (Rule::Own, Step::Tables(_)) => self.by_own_rule(walk, frame, frames, false),
            (Rule::Signal, Step::Tables(_)) => self.by_own_rule(walk, frame, frames, true),
            (Rule::SignalReturn, Step::Tables(_)) => {
                let sp = walk.at_frame(AllRegisters::unknown());
                let sp = sp.get(walk.processor().stack_pointer());
                let saved = sp.and_then(|sp| {
                    AllRegisters::saved_for_signal(walk.processor(), sp, |at| walk.read(at).ok())
                });
                walk.resume(&saved.ok_or(Ending::Lost)?, true)
            }
            (Rule::Begins, Step::Tables(_)) => Err(Ending::Root),
            (Rule::Absent, Step::Tables(_)) => self.by_its_code(walk, space, (frame, at), step),
        }
    }

    /// By a rule of the unwind table that framehop does not know.
    fn by_own_rule(
        &mut self,
        walk: &mut Walk<'_>,
        frame: FrameId,
        frames: &[FrameId],
        by_signal: bool,
    ) -> Result<u64, Ending> {
        let processor = walk.processor();
        let row = self.row(frame).ok_or(Ending::Lost)?;
        let (further_in, known) = walk.known();
        let mut registers = AllRegisters::unknown();
        if further_in == walk.frames {
            registers = known;
        }
        let mut caller = row.leave(processor, &walk.at_frame(registers), |at| walk.read(at));
        if caller == Err(Failure::Register) && further_in != walk.frames {
            registers = self.replay(walk, frames, known, walk.frames - further_in);
            caller = row.leave(processor, &walk.at_frame(registers), |at| walk.read(at));
        }
        match caller {
            Ok(caller) => walk.resume(&caller, by_signal),
            Err(Failure::End(ending)) => Err(ending),
            Err(Failure::Register) => Err(Ending::Lost),
        }
    }

    /// What the last `count` frames before the outermost one leave of the registers that were known
    /// at the first of them. framehop follows two of them alone.
    fn replay(
        &mut self,
        walk: &Walk<'_>,
        frames: &[FrameId],
        known: AllRegisters,
        count: usize,
    ) -> AllRegisters {
        let processor = walk.processor();
        let mut registers = known;
        let inner = frames.len().saturating_sub(1);
        let first = inner.saturating_sub(count);
        for frame in frames.get(first..inner).unwrap_or_default() {
            let left = self.row(*frame).and_then(|row| {
                let left = row.leave(processor, &registers, |at| walk.read(at));
                left.ok()
            });
            registers = left.unwrap_or(AllRegisters::unknown());
        }
        registers
    }

    /// What the unwind table says of a place.
    fn row(&mut self, frame: FrameId) -> Option<Arc<super::rules::Row>> {
        let found = self.fold.frame_at(frame)?;
        let Place::Code(address) = found.place else {
            return None;
        };
        let (opened, _) = self.files.open(found.module)?;
        opened.row(address)
    }

    /// Where a function without an unwind table, which goes on `at`, returns to: by its machine code,
    /// as far as that proves it.
    fn by_its_code(
        &mut self,
        walk: &mut Walk<'_>,
        space: &Arc<AddressSpace>,
        (frame, at): (FrameId, RuntimeAddress),
        step: Step,
    ) -> Result<u64, Ending> {
        if let Some((opened, address)) = self.files.code_at(space, at)
            && let Some(found) = opened.frame_at(address)
        {
            let returns = walk.return_address(found)?;
            if self.call_that_returns_to(space, returns).is_some() {
                walk.leave(found, returns);
                return Ok(returns);
            }
        }
        if let Some((opened, address)) = self.files.code_at(space, at)
            && opened.begins_thread(address)
        {
            return Err(Ending::Root);
        }
        if let Some(Place::Code(address)) = self.fold.frame_at(frame).map(|found| found.place)
            && let Some(found) = self.fold.frame_at(frame)
            && self.files.is_named_root(found.module, address)
        {
            return Err(Ending::Root);
        }
        // The frame pointer may be a caller's caller's: it is right when the call leads here.
        let function = self.files.code_at(space, at).and_then(|(opened, address)| {
            let function = opened.function_at(address)?;
            Some(RuntimeAddress(
                at.0 - address.checked_since(function.start)?,
            ))
        });
        let engine = self.engine.as_mut().ok_or(Ending::Lost)?;
        if let Ok(returns) = engine.next(walk, step)
            && function.is_some()
            && self.call_that_returns_to(space, returns) == Some(function)
        {
            return Ok(returns);
        }
        self.known.lost.insert(frame);
        Err(Ending::Lost)
    }

    /// Whether there is a call before an address, and the function that it calls where the
    /// instruction says so.
    fn call_that_returns_to(
        &mut self,
        space: &Arc<AddressSpace>,
        returns: u64,
    ) -> Option<Option<RuntimeAddress>> {
        // The call itself, which may be the last instruction of its function.
        let call = RuntimeAddress(returns.checked_sub(1)?);
        let (opened, address) = self.files.code_at(space, call)?;
        let address = address.checked_add(1)?;
        match opened.call_before(address)? {
            CallTarget::To(target) => {
                let distance = target.0.wrapping_sub(address.0);
                Some(Some(RuntimeAddress(returns.wrapping_add(distance))))
            }
            CallTarget::Computed => Some(None),
        }
    }
}
