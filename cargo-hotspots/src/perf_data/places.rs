//! From the addresses of a sample to its stack: callchain, unwinding, files.

use super::{
    files::{Files, Special},
    fold::Fold,
    process::AddressSpace,
    sample::Sample,
    unwind::{Ending, Engine, Step},
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
}

/// Marks in a callchain, by `enum perf_callchain_context`: what follows is of the kernel, …
mod context {
    pub(super) const FIRST: u64 = -4095_i64 as u64;
    pub(super) const HYPERVISOR: u64 = -32_i64 as u64;
    pub(super) const KERNEL: u64 = -128_i64 as u64;
    pub(super) const USER: u64 = -512_i64 as u64;
}

impl Places<'_> {
    /// The frames of a sample, innermost first, and how they end.
    pub(super) fn stack_of(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        frames: &mut Vec<FrameId>,
    ) -> Ending {
        let mut mode = sample.mode;
        let mut is_first = true;
        let mut user_chain = false;
        let mut last = Step::Stop;
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
            let address = RuntimeAddress(address.saturating_sub(u64::from(!is_first)));
            is_first = false;
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
                last = Step::Stop;
                break;
            }
            let frame = match user_chain {
                false => self.at_system_call(sample, space, address).unwrap_or(frame),
                true => frame,
            };
            user_chain = true;
            last = step;
            frames.push(frame);
        }
        if frames.is_empty()
            && is_kernel(sample.mode)
            && let Some(ip) = sample.ip
        {
            frames.push(self.kernel(RuntimeAddress(ip)));
        }
        if user_chain {
            return match self.begins_a_thread(frames, last) {
                true => Ending::Root,
                false => Ending::Lost,
            };
        }
        self.without_user_chain(sample, space, frames)
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

    /// Whether the last of the frames that frame pointers led to is the first of its thread.
    fn begins_a_thread(&mut self, frames: &[FrameId], last: Step) -> bool {
        if let Some(engine) = &mut self.engine
            && engine.is_root(last)
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
        loop {
            let Some(engine) = self.engine.as_mut() else {
                return Ending::Lost;
            };
            let return_address = match engine.next(&mut walk, step) {
                Ok(address) => address,
                // Its first function has no unwind table in some builds.
                Err(Ending::Lost) if self.ends_in_loader(frames) => return Ending::Root,
                Err(ending) => return ending,
            };
            let call = RuntimeAddress(return_address.saturating_sub(1));
            let (frame, next) = self.resolve(space, call);
            if next == Step::Stop && !self.is_mapped(frame) {
                // No caller, but something else that was on the stack.
                return match self.ends_in_loader(frames) {
                    true => Ending::Root,
                    false => Ending::Lost,
                };
            }
            frames.push(frame);
            step = next;
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

    /// Whether the outermost frame so far is the loader's.
    fn ends_in_loader(&self, frames: &[FrameId]) -> bool {
        let outermost = frames.last().and_then(|frame| self.fold.frame_at(*frame));
        outermost.is_some_and(|frame| self.files.is_loader(frame.module))
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
            opened.span = engine.add(&opened.mapping);
        }
        let (place, opened) = self.files.place(module, offset);
        let step = match (place, opened.and_then(|opened| opened.span)) {
            (Place::Code(address), Some(span)) => {
                span.address(address).map_or(Step::Stop, Step::Tables)
            }
            _ => Step::Stop,
        };
        (self.fold.frame(module, place), step)
    }
}

fn is_kernel(mode: CpuMode) -> bool {
    matches!(
        mode,
        CpuMode::Kernel | CpuMode::Hypervisor | CpuMode::GuestKernel
    )
}
