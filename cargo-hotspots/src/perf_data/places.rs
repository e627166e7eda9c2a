//! From the addresses of a sample to its stack: callchain, unwinding, files.

use super::{
    files::{Files, Special},
    fold::Fold,
    known::Known,
    module_file::Rule,
    process::AddressSpace,
    sample::Sample,
    unwind::{Engine, Step},
    walk::Ending,
};
use crate::profile::{FrameId, ModuleId, ModuleKind, Place, RuntimeAddress};
use codecost::address::FileOffset;
use linux_perf_data::linux_perf_event_reader::CpuMode;
use std::sync::Arc;

/// From addresses to places.
pub(super) struct Places<'o> {
    pub(super) files: Files<'o>,
    pub(super) special: Special,
    /// `None` for a processor whose stacks cannot be unwound.
    pub(super) engine: Option<Engine>,
    pub(super) fold: Fold,
    pub(super) known: Known,
    /// Whether callchains were followed by unwind tables, so that they pass over no caller.
    pub(super) by_tables: bool,
}

/// How a stack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StackEnd {
    pub(super) ending: Ending,
    /// Whether frame pointers have passed over a caller on the way.
    pub(super) broken: bool,
}

/// Marks in a callchain, by `enum perf_callchain_context`: what follows is of the kernel, …
mod context {
    pub(super) const FIRST: u64 = -4095_i64 as u64;
    pub(super) const HYPERVISOR: u64 = -32_i64 as u64;
    pub(super) const KERNEL: u64 = -128_i64 as u64;
    pub(super) const USER: u64 = -512_i64 as u64;
}

impl Places<'_> {
    /// The frames of a sample, innermost first, and how they end. Where callers are missing, a
    /// frame that stands for them is the outermost.
    pub(super) fn stack_of(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        frames: &mut Vec<FrameId>,
    ) -> StackEnd {
        let end = self.frames_of(sample, space, frames);
        let has_stack = sample.registers.is_some() || !sample.callchain.0.is_empty();
        if end.ending != Ending::Root && has_stack {
            let missing = self.special.missing;
            let frame = self.fold.frame(missing, Place::Memory(RuntimeAddress(0)));
            frames.push(frame);
        }
        end
    }

    fn frames_of(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        frames: &mut Vec<FrameId>,
    ) -> StackEnd {
        let mut mode = sample.mode;
        let mut is_first = true;
        let mut user_chain = false;
        let mut last = Step::Stop;
        let (mut followed, mut broken, mut begins) = (0_u32, false, false);
        for address in sample.callchain.iter() {
            if address >= context::FIRST {
                mode = match address {
                    context::HYPERVISOR => CpuMode::Hypervisor,
                    context::KERNEL => CpuMode::Kernel,
                    context::USER => CpuMode::User,
                    _ => mode,
                };
                is_first = true;
                continue;
            }
            // The first is the next instruction; the others are where calls return to.
            let returns = RuntimeAddress(address);
            let address = RuntimeAddress(address.saturating_sub(u64::from(!is_first)));
            let is_innermost = std::mem::replace(&mut is_first, false);
            followed = followed.saturating_add(1);
            if is_kernel(mode) {
                frames.push(self.kernel(address));
                continue;
            }
            if sample.stack.is_some() {
                continue;
            }
            let (frame, step) = self.resolve(space, address);
            // Whoever uses the frame pointer for something else leads nowhere.
            if user_chain && step == Step::Stop && !self.is_mapped(frame) {
                (last, followed) = (Step::Stop, 0);
                break;
            }
            // There is a caller; whether it is this function's, its unwind table says.
            if user_chain && !broken && !self.by_tables {
                broken = self.passes_over_a_caller(frames, last);
            }
            let frame = match user_chain {
                false => self.at_system_call(sample, space, address).unwrap_or(frame),
                true => frame,
            };
            user_chain = true;
            last = step;
            let rule = self.rule(frame);
            begins = !is_innermost && rule == Rule::Begins;
            frames.push(match is_innermost {
                true => frame,
                false => self.shown(space, (frame, rule), returns),
            });
            // A coroutine has the frame pointer of whoever made it.
            if begins {
                break;
            }
        }
        if frames.is_empty()
            && is_kernel(sample.mode)
            && let Some(ip) = sample.ip
        {
            frames.push(self.kernel(RuntimeAddress(ip)));
        }
        let ending = match user_chain {
            true if begins || self.begins_a_thread(frames, last) => Ending::Root,
            true if followed >= sample.most_frames => Ending::Truncated,
            true => Ending::Lost,
            false => self.without_user_chain(sample, space, frames),
        };
        StackEnd { ending, broken }
    }

    /// Whether the frame pointer, at the outermost of the frames so far, does not lead to its
    /// caller. The innermost is where it is, all others where they call.
    fn passes_over_a_caller(&mut self, frames: &[FrameId], step: Step) -> bool {
        let Some((frame, inner)) = frames.split_last() else {
            return false;
        };
        let inner = inner.iter().filter_map(|frame| self.fold.frame_at(*frame));
        let is_innermost = inner
            .into_iter()
            .all(|frame| frame.module == self.special.kernel);
        if let Some(known) = self.known.passes_over(*frame, is_innermost) {
            return known;
        }
        let without_table = matches!(self.rule(*frame), Rule::Absent | Rule::Begins);
        let leads = self
            .engine
            .as_mut()
            .filter(|_| !without_table)
            .and_then(|engine| engine.frame_pointer_leads_on(step, is_innermost));
        let passes_over = leads == Some(false);
        self.known.note_passing(*frame, is_innermost, passes_over);
        passes_over
    }

    /// The places without an unwind table whose caller could not be found.
    pub(super) fn without_tables(&self) -> Vec<FrameId> {
        self.known.lost.iter().copied().collect()
    }

    /// Goes on where no frame pointers lead: by the copy of the stack, else with the sample's own
    /// address alone.
    fn without_user_chain(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        frames: &mut Vec<FrameId>,
    ) -> Ending {
        if let (Some(registers), Some(_)) = (&sample.registers, &sample.stack) {
            let ip = self
                .engine
                .as_ref()
                .and_then(|it| it.instruction_pointer(registers));
            if let Some(ip) = ip {
                return self.unwind(sample, space, RuntimeAddress(ip), frames);
            }
        }
        match sample.ip {
            Some(ip) if !is_kernel(sample.mode) => {
                let (frame, step) = self.resolve(space, RuntimeAddress(ip));
                frames.push(frame);
                let engine = self.engine.as_mut();
                match engine.is_some_and(|engine| engine.is_root(step)) {
                    true => Ending::Root,
                    false => Ending::Lost,
                }
            }
            // A thread of the kernel, or one whose program is gone already.
            _ if !frames.is_empty() => Ending::Root,
            _ => {
                let address = RuntimeAddress(sample.ip.unwrap_or_default());
                let frame = self
                    .fold
                    .frame(self.special.unknown, Place::Memory(address));
                frames.push(frame);
                Ending::Lost
            }
        }
    }

    /// The frame that stands for a caller in the stack: the call, but for functions that nothing called,
    /// which begin where they are returned to.
    fn shown(
        &mut self,
        space: &Arc<AddressSpace>,
        (caller, rule): (FrameId, Rule),
        returns: RuntimeAddress,
    ) -> FrameId {
        match rule {
            Rule::Library | Rule::Own | Rule::Absent => caller,
            Rule::Signal | Rule::SignalReturn | Rule::Begins => self.resolve(space, returns).0,
        }
    }

    /// Whether the last of the frames that frame pointers led to is the first of its thread.
    fn begins_a_thread(&mut self, frames: &[FrameId], last: Step) -> bool {
        if let Some(engine) = &mut self.engine
            && engine.is_root(last)
        {
            return true;
        }
        // It called the program in another stack.
        if frames
            .last()
            .is_some_and(|last| self.known.roots.contains(last))
        {
            return true;
        }
        let mut outward = frames.iter().rev().map(|frame| self.fold.frame_at(*frame));
        let (Some(Some(outermost)), callee) = (outward.next(), outward.next().flatten()) else {
            return false;
        };
        let calls_the_program = callee.is_some_and(|callee| {
            callee.module != outermost.module && callee.module != self.special.kernel
        });
        if calls_the_program && self.files.is_c_library(outermost.module) {
            self.known.roots.extend(frames.last());
            return true;
        }
        match outermost.place {
            Place::Code(address) => self.files.is_named_root(outermost.module, address),
            _ => false,
        }
    }

    /// Unwinds the program's part of a stack.
    fn unwind(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        ip: RuntimeAddress,
        frames: &mut Vec<FrameId>,
    ) -> Ending {
        let (mut frame, mut step) = self.resolve(space, ip);
        // Where a precise event happened; the registers may be an instruction on.
        if let Some(precise) = sample.ip
            && !is_kernel(sample.mode)
            && precise != ip.0
        {
            (frame, _) = self.resolve(space, RuntimeAddress(precise));
        }
        frame = self.at_system_call(sample, space, ip).unwrap_or(frame);
        frames.push(frame);
        let (Some(registers), Some(stack)) = (&sample.registers, sample.stack) else {
            return Ending::Lost;
        };
        let walk = self
            .engine
            .as_ref()
            .and_then(|it| it.start(registers, stack));
        let Some(mut walk) = walk else {
            return Ending::Lost;
        };
        let mut at = ip;
        let mut rule = self.rule(frame);
        loop {
            let how = (step, rule);
            let returns = self.return_address(&mut walk, space, (frame, at), how, frames);
            let return_address = match returns {
                Ok(address) => address,
                // Its first function has no unwind table in some builds.
                Err(Ending::Lost) if self.is_outermost(frames) => return Ending::Root,
                Err(ending) => return ending,
            };
            let call = return_address.saturating_sub(u64::from(!walk.is_exact));
            let (caller, next) = self.resolve(space, RuntimeAddress(call));
            if next == Step::Stop && !self.is_mapped(caller) {
                // No caller, but something else that was on the stack.
                return match self.is_outermost(frames) {
                    true => Ending::Root,
                    false => Ending::Lost,
                };
            }
            (frame, step, at) = (caller, next, RuntimeAddress(return_address));
            rule = self.rule(frame);
            frames.push(self.shown(space, (frame, rule), at));
        }
    }

    /// The instruction that called the kernel, when the program is right after it: that may be
    /// another line, or inlined from another function. After a page fault the program is at the
    /// instruction itself.
    fn at_system_call(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        ip: RuntimeAddress,
    ) -> Option<FrameId> {
        if !is_kernel(sample.mode) {
            return None;
        }
        let call: &[u8] = match self.engine.as_ref()? {
            Engine::X86_64(_) => &[0x0f, 0x05],
            // `svc #0`
            Engine::Aarch64(_) => &[0x01, 0x00, 0x00, 0xd4],
        };
        let (module, offset) = space.find(ip)?;
        let end = usize::try_from(offset.0).ok()?;
        let (opened, _) = self.files.open(module)?;
        let before = opened.mapping.get(end.checked_sub(call.len())?..end)?;
        let found = before == call;
        let call = RuntimeAddress(ip.0.checked_sub(1)?);
        found.then(|| self.resolve(space, call).0)
    }

    /// Whether the outermost frame so far, of which no caller is found, has none: it is the loader's,
    /// the program's entry, or begins threads.
    fn is_outermost(&mut self, frames: &[FrameId]) -> bool {
        let outermost = frames.last().and_then(|frame| self.fold.frame_at(*frame));
        outermost.is_some_and(|frame| {
            self.files.is_loader(frame.module)
                || matches!(frame.place, Place::Code(address)
                    if self.files.is_named_root(frame.module, address))
        })
    }

    fn kernel(&mut self, address: RuntimeAddress) -> FrameId {
        self.fold.frame(self.special.kernel, Place::Memory(address))
    }

    /// Whether a frame is in something that was mapped.
    fn is_mapped(&self, frame: FrameId) -> bool {
        let frame = self.fold.frame_at(frame);
        frame.is_some_and(|frame| frame.module != self.special.unknown)
    }

    /// What is at an address of a program.
    fn resolve(&mut self, space: &Arc<AddressSpace>, address: RuntimeAddress) -> (FrameId, Step) {
        let Some((module, offset)) = space.find(address) else {
            let frame = self
                .fold
                .frame(self.special.unknown, Place::Memory(address));
            return (frame, Step::Stop);
        };
        match self.files.kind(module) {
            ModuleKind::File | ModuleKind::Vdso => self.resolve_in_file(module, offset),
            kind => {
                let step = match kind {
                    ModuleKind::Jit => Step::FramePointer,
                    _ => Step::Stop,
                };
                (self.fold.frame(module, Place::Memory(address)), step)
            }
        }
    }

    fn resolve_in_file(&mut self, module: ModuleId, offset: FileOffset) -> (FrameId, Step) {
        if let Some((opened, true)) = self.files.open(module)
            && let Some(engine) = &mut self.engine
        {
            opened.add_to(engine);
        }
        let (place, opened) = self.files.place(module, offset);
        let address = match (place, opened) {
            (Place::Code(address), Some(opened)) => opened
                .span_at(address)
                .and_then(|span| span.address(address)),
            _ => None,
        };
        let step = address.map_or(Step::Stop, Step::Tables);
        (self.fold.frame(module, place), step)
    }
}

fn is_kernel(mode: CpuMode) -> bool {
    matches!(
        mode,
        CpuMode::Kernel | CpuMode::Hypervisor | CpuMode::GuestKernel
    )
}
