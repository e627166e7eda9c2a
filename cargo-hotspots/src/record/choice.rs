//! Which recorder, event and stacks are used of what the machine has.

use super::{
    event::Event,
    options::{CallGraphChoice, RecordOptions, RecorderChoice, What},
};
use crate::{
    doctor::{self, Need},
    machine::Machine,
    profile::WAITING,
    recording::Degradation,
};
use codecost::{Error, Result};

/// What is used of what the machine has.
pub(super) struct Choice {
    pub(super) recorder: RecorderChoice,
    pub(super) call_graph: CallGraphChoice,
    pub(super) frequency: u32,
    asked: Option<u32>,
    event: Option<String>,
    /// Whether perf will poll for threads that are gone.
    perf_spins: bool,
    /// Whether the built-in recorder may sample whole CPUs, and can keep up with them.
    whole_cpus: bool,
}

/// Bytes a second that one thread can take from all CPUs' buffers, with room to spare.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

impl Choice {
    pub(super) fn new(options: &RecordOptions, machine: &Machine) -> Result<Self> {
        let limit = machine
            .max_sample_rate
            .and_then(|rate| u32::try_from(rate).ok())
            .unwrap_or(u32::MAX)
            .max(1);
        let frequency = options.frequency.clamp(1, limit);
        let call_graph = options.call_graph.unwrap_or(CallGraphChoice::Dwarf);
        let perf = machine.perf.as_ref().filter(|perf| perf.usable());
        let fits = perf.is_some_and(|perf| call_graph != CallGraphChoice::Dwarf || perf.dwarf);
        let copied = match call_graph {
            CallGraphChoice::Dwarf => u64::from(options.stack_bytes),
            CallGraphChoice::FramePointers | CallGraphChoice::None => 1024,
        };
        let busy = copied * u64::from(frequency) * machine.cpus as u64;
        let known = options.event.as_deref();
        let is_waiting = known == Some(WAITING);
        if is_waiting && !machine.kernel.works() {
            return Err(Error::failed(
                "where threads wait cannot be recorded: the kernel does not let this user see it switch \
                 between threads",
                "sudo sysctl kernel.perf_event_paranoid=1; `strace -f -c -w PROGRAM` says in which system \
                 calls it waits",
            ));
        }
        if is_waiting && options.recorder == Some(RecorderChoice::Perf) {
            return Err(Error::usage(
                format_args!("perf has no event `{WAITING}`"),
                "leave --recorder out: the built-in recorder has it",
            ));
        }
        let known = known.is_none_or(|event| Event::parse(event).is_some());
        // Each thread's own switches say when it waits; those of whole CPUs are everyone's.
        let whole_cpus = machine.whole_cpus.works() && known && busy <= MOST_BYTES && !is_waiting;
        let recorder = match options.recorder {
            Some(RecorderChoice::Perf) if perf.is_none() => {
                return Err(Error::failed(
                    "there is no working `perf` on the path",
                    format_args!("{}, or use --recorder builtin", doctor::INSTALL_PERF),
                ));
            }
            Some(recorder) => recorder,
            None if is_waiting => RecorderChoice::Builtin,
            // Nothing is missing then: perf follows threads, and the first period of each is lost.
            None if whole_cpus => RecorderChoice::Builtin,
            None if fits => RecorderChoice::Perf,
            None => RecorderChoice::Builtin,
        };
        let choice = Self {
            recorder,
            call_graph,
            frequency,
            asked: (options.frequency > frequency).then_some(options.frequency),
            event: options.event.clone(),
            perf_spins: false,
            whole_cpus,
        };
        if recorder == RecorderChoice::Builtin
            && let Some(event) = &choice.event
            && Event::parse(event).is_none()
        {
            return Err(Error::usage(
                format_args!("the built-in recorder does not know the event `{event}`"),
                format_args!("it knows {}; perf knows more (`perf list`)", Event::names()),
            ));
        }
        Ok(choice)
    }

    /// perf keeps a CPU busy as soon as one of several threads that it attached to has ended: it
    /// goes on polling for it (perf 6.1: 470,000 wake-ups in two seconds). With one program the
    /// end of that thread is the end of the recording.
    pub(super) fn settle(&mut self, options: &RecordOptions, machine: &Machine, programs: usize) {
        let several = programs > 1 || matches!(options.what, What::Process(_));
        if self.recorder == RecorderChoice::Perf && several {
            if options.recorder.is_none() && self.builtin_works(machine) {
                self.recorder = RecorderChoice::Builtin;
            } else {
                self.perf_spins = true;
            }
        }
    }

    pub(super) fn sees_whole_cpus(&self, recorder: RecorderChoice) -> bool {
        recorder == RecorderChoice::Builtin && self.whole_cpus
    }

    /// With `:u` where the kernel is not to be sampled.
    pub(super) fn event_for(&self, recorder: &RecorderChoice, machine: &Machine) -> String {
        let user_only = !machine.kernel.works();
        let name = match &self.event {
            Some(event) if event.contains(':') || *recorder == RecorderChoice::Perf => {
                return event.clone();
            }
            Some(event) => event.as_str(),
            // Where nothing may be opened, perf may still be allowed to, and finds out itself.
            None if machine.cycles.works() || !machine.clock.works() => "cycles",
            None => "cpu-clock",
        };
        if user_only {
            format!("{name}:u")
        } else {
            name.to_owned()
        }
    }

    pub(super) fn builtin_works(&self, machine: &Machine) -> bool {
        machine.clock.works()
            && self
                .event
                .as_ref()
                .is_none_or(|event| Event::parse(event).is_some())
    }

    /// What of the doctor's findings concerns this recording.
    pub(super) fn degradations(&self, machine: &Machine) -> Vec<Degradation> {
        let need = Need {
            perf: self.recorder == RecorderChoice::Perf,
            whole_cpus: self.sees_whole_cpus(self.recorder),
            dwarf: self.call_graph == CallGraphChoice::Dwarf,
            own_event: self.event.is_some(),
        };
        let mut found = doctor::degradations(machine, need);
        if self.perf_spins {
            found.push(Degradation {
                code: "perf-spins".into(),
                what: "perf keeps a CPU busy once one of the threads that it watches has ended"
                    .into(),
                remedy: "leave --recorder out, or use --recorder builtin".into(),
            });
        }
        if let Some(asked) = self.asked {
            found.push(Degradation {
                code: "sample-rate".into(),
                what: format!(
                    "{} samples a second instead of {asked}: the kernel allows no more",
                    self.frequency
                ),
                remedy: format!("sudo sysctl kernel.perf_event_max_sample_rate={asked}"),
            });
        }
        found
    }
}
