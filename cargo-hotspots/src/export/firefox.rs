//! The Firefox Profiler's processed profile, by `fxprof-processed-profile`. Its categories are the
//! origins of crates, its subcategories the crates.
//!
//! Limit: frames are labels, so the profiler shows no source lines.

use super::symbolized::{Level, Symbolized, is_clock};
use crate::profile::{FrameId, Profile as Recording, StackId, WAITING};
use codecost::attribution::Origin;
use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CategoryPairHandle, CpuDelta, Frame, FrameFlags, FrameInfo,
    Profile, ReferenceTimestamp, SamplingInterval, StackHandle, ThreadHandle, Timestamp,
    WeightType,
};
use std::{
    collections::HashMap,
    io::{self, Write},
};

/// Writes the JSON that the profiler loads. Without a timeline all samples have the time 0.
///
/// # Errors
///
/// What the writer says.
pub fn firefox(symbolized: Symbolized<'_>, product: &str, to: &mut dyn Write) -> io::Result<()> {
    let recording = symbolized.profile;
    // Of a clock the period is the time between two samples of a thread; several threads have more in
    // the time that the recording took, and one that waits has fewer.
    let samples = recording.samples.max(1);
    let interval = match is_clock(&recording.event) {
        true => recording.period / samples,
        false => recording.duration_ns / samples,
    };
    let mut profile = Profile::new(
        product,
        // The recording does not say when it was made.
        ReferenceTimestamp::from_millis_since_unix_epoch(0.0),
        SamplingInterval::from_nanos(interval.max(1)),
    );
    profile.set_symbolicated(true);
    let threads = add_threads(recording, &mut profile);
    let categories = Categories::new(symbolized, &mut profile);
    let mut stacks = Stacks {
        symbolized,
        categories,
        known: HashMap::new(),
    };
    let clock = is_clock(&recording.event);
    let mut add = |time_ns: u64, thread: u32, stack, samples: u64, period: u64| {
        let Some(handle) = threads.get(thread as usize) else {
            return;
        };
        let stack = stacks.handle(&mut profile, *handle, stack);
        let cpu = if clock && recording.event != WAITING {
            period
        } else {
            0
        };
        profile.add_sample(
            *handle,
            Timestamp::from_nanos_since_reference(time_ns),
            stack,
            CpuDelta::from_nanos(cpu),
            i32::try_from(samples).unwrap_or(i32::MAX),
        );
    };
    match &recording.timeline {
        Some(timeline) => {
            for sample in timeline {
                add(
                    sample.time_ns,
                    sample.thread.0,
                    sample.stack,
                    1,
                    sample.period,
                );
            }
        }
        None => {
            for count in &recording.counts {
                add(0, count.thread.0, count.stack, count.samples, count.period);
            }
        }
    }
    serde_json::to_writer(to, &profile).map_err(io::Error::from)
}

fn add_threads(recording: &Recording, profile: &mut Profile) -> Vec<ThreadHandle> {
    let start = Timestamp::from_nanos_since_reference(0);
    let mut processes = HashMap::new();
    let number = |id: i32| u32::try_from(id).unwrap_or_default();
    recording
        .threads
        .iter()
        .map(|thread| {
            let process = *processes
                .entry(thread.pid)
                .or_insert_with(|| profile.add_process(&thread.name, number(thread.pid), start));
            let main = thread.tid == thread.pid;
            let handle = profile.add_thread(process, number(thread.tid), start, main);
            profile.set_thread_name(handle, &thread.name);
            profile.set_thread_samples_weight_type(handle, WeightType::Samples);
            handle
        })
        .collect()
}

/// The category of each crate, in the order of the crates.
struct Categories(Vec<CategoryPairHandle>);

impl Categories {
    fn new(symbolized: Symbolized<'_>, profile: &mut Profile) -> Self {
        let mut origins: HashMap<Origin, CategoryHandle> = HashMap::new();
        let pairs = symbolized.symbols.crates.iter().map(|owner| {
            let origin = *origins.entry(owner.origin).or_insert_with(|| {
                profile.add_category(owner.origin.as_str(), color(owner.origin))
            });
            let name = match &owner.version {
                Some(version) => format!("{} {version}", owner.name),
                None => owner.name.clone(),
            };
            profile.add_subcategory(origin, &name)
        });
        Self(pairs.collect())
    }
}

fn color(origin: Origin) -> CategoryColor {
    match origin {
        Origin::Workspace => CategoryColor::Orange,
        Origin::Registry => CategoryColor::Blue,
        Origin::Git => CategoryColor::Purple,
        Origin::Path => CategoryColor::Green,
        Origin::Std | Origin::StdDependency => CategoryColor::LightBlue,
        Origin::Native => CategoryColor::Yellow,
        Origin::Kernel | Origin::Vdso => CategoryColor::Brown,
        Origin::Jit => CategoryColor::Magenta,
        Origin::Linker | Origin::Unknown => CategoryColor::Gray,
    }
}

/// The profiler's own stacks belong to one thread each.
struct Stacks<'a> {
    symbolized: Symbolized<'a>,
    categories: Categories,
    known: HashMap<(ThreadHandle, StackId), StackHandle>,
}

impl Stacks<'_> {
    fn handle(
        &mut self,
        profile: &mut Profile,
        thread: ThreadHandle,
        stack: StackId,
    ) -> Option<StackHandle> {
        // From here outward to a stack that is known, then inward again: no recursion, for
        // recordings may be deep.
        let mut open = Vec::new();
        let mut next = Some(stack);
        let mut outer = None;
        while let Some(stack) = next {
            if let Some(known) = self.known.get(&(thread, stack)) {
                outer = Some(*known);
                break;
            }
            let node = self.symbolized.profile.stacks.get(stack.0 as usize)?;
            open.push((stack, node.frame));
            next = node.caller.filter(|caller| *caller < stack);
        }
        for (stack, frame) in open.into_iter().rev() {
            outer = self.push(profile, thread, outer, frame);
            if let Some(handle) = outer {
                self.known.insert((thread, stack), handle);
            }
        }
        outer
    }

    fn push(
        &self,
        profile: &mut Profile,
        thread: ThreadHandle,
        mut outer: Option<StackHandle>,
        frame: FrameId,
    ) -> Option<StackHandle> {
        for level in self.symbolized.levels(frame).rev() {
            let info = FrameInfo {
                frame: Frame::Label(self.label(profile, level)),
                category_pair: self.category(level),
                flags: FrameFlags::empty(),
            };
            let frame = profile.intern_frame(thread, info);
            outer = Some(profile.intern_stack(thread, outer, frame));
        }
        outer
    }

    fn label(&self, profile: &mut Profile, level: Level) -> fxprof_processed_profile::StringHandle {
        let name = self.symbolized.function_name(&level.scope);
        match level.inlined {
            true => profile.intern_string(&format!("{name} (inlined)")),
            false => profile.intern_string(name),
        }
    }

    fn category(&self, level: Level) -> CategoryPairHandle {
        let symbols = self.symbolized.symbols;
        let function = symbols.functions.get(level.scope.function.0 as usize);
        function
            .and_then(|function| self.categories.0.get(function.owner.0 as usize))
            .copied()
            .unwrap_or_else(|| CategoryHandle::OTHER.into())
    }
}
