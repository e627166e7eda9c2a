//! What a program spends its time on: computing, memory, the kernel, or waiting. Only from what was
//! measured: without counters nobody knows whether it is computing or memory that takes the time.

use super::model::{Bound, Measured, Usage, Verdict};
use codecost::units::Share;

/// A larger part of the time in which it neither runs nor is ready to is what takes the time.
const WAITS: f64 = 0.5;
/// A larger part of the CPU time in the kernel is what takes the time.
const IN_KERNEL: f64 = 0.5;
/// So many cache misses in a thousand instructions, at less than one instruction in a cycle, are
/// what slows it.
const MISSES: f64 = 5.0;
/// A larger part of the time without a processor that it was ready for is said.
const BUSY: f64 = 0.1;
/// The kernel tells its own time from the program's by what a tick of its clock finds, every 1 to 10
/// milliseconds: of less CPU time than ten ticks the division is chance.
pub(super) const DIVIDED_NS: u64 = 100_000_000;
/// Below this much CPU time start-up is all there is.
const LEAST_NS: u64 = 5_000_000;

pub(super) fn of(measured: &Measured) -> Verdict {
    let Usage {
        user_ns, system_ns, ..
    } = measured.usage;
    let cpu = user_ns.saturating_add(system_ns);
    let wall = measured.duration_ns;
    let verdict = |bound, because: String| Verdict { bound, because };
    if wall < LEAST_NS {
        return verdict(None, "the run is too short to say".into());
    }
    let used = cpu as f64 / wall as f64;
    let is_known = !measured.of_recording || measured.usage.queued_ns.is_some();
    let waited = measured.waiting_ns() as f64 / wall as f64;
    let waits = is_known && waited > WAITS;
    if !is_known && Share::of(system_ns, cpu).0 <= IN_KERNEL {
        // Without the time in the queue, waiting and having no processor are one figure.
        let because = format!(
            "it used {used:.2} processors; what it did in the rest of the time was not measured"
        );
        return verdict(None, because);
    }
    // On a busy machine a program that is ready waits for a processor, which is not its own doing.
    if waits {
        let switches = measured.usage.voluntary;
        return verdict(
            Some(Bound::Waiting),
            format!(
                "it waited for {} of the time, {switches} times",
                Share(waited)
            ),
        );
    }
    let in_kernel = Share::of(system_ns, cpu);
    if in_kernel.0 > IN_KERNEL && cpu >= DIVIDED_NS {
        return verdict(
            Some(Bound::Kernel),
            format!("{in_kernel} of the CPU time is in the kernel"),
        );
    }
    let counter = |name| measured.counter(name).filter(|value| *value > 0);
    match (
        counter("instructions"),
        counter("cycles"),
        counter("cache-misses"),
    ) {
        (Some(instructions), Some(cycles), misses) => {
            let ipc = instructions as f64 / cycles as f64;
            let misses = misses.unwrap_or_default() as f64 * 1000.0 / instructions as f64;
            let because = format!(
                "{ipc:.2} instructions in a cycle, {misses:.1} cache misses in a thousand \
                 instructions"
            );
            let bound = match ipc < 1.0 && misses > MISSES {
                true => Bound::Memory,
                false => Bound::Cpu,
            };
            verdict(Some(bound), because)
        }
        _ => {
            // Of all threads together, as the CPU time is.
            let queued = measured.usage.queued_ns.unwrap_or_default();
            let queued = queued as f64 / queued.saturating_add(cpu).max(1) as f64;
            let busy = match queued > BUSY {
                true => format!(
                    ", and waited for one for {} of the time in which it could run",
                    Share(queued)
                ),
                false => String::new(),
            };
            verdict(
                Some(Bound::Running),
                format!(
                    "it had a processor for {} of the time{busy}; whether computing or memory takes it, \
                     only counters of the processor can say",
                    Share(used.min(1.0))
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::model::Counter, *};

    fn measured(wall: u64, user: u64, system: u64, counters: &[(&'static str, u64)]) -> Measured {
        Measured {
            duration_ns: wall,
            usage: Usage {
                user_ns: user,
                system_ns: system,
                ..Usage::default()
            },
            counters: counters
                .iter()
                .map(|(name, value)| Counter {
                    name,
                    value: *value,
                })
                .collect(),
            ..Measured::default()
        }
    }

    /// Both `stat` and `report` say this sentence, so neither claims more than the other.
    #[test]
    fn bound_by_is_said_only_of_what_was_measured() {
        // Hundredths of a second's run.
        const CS: u64 = 10_000_000;
        let of = |user, system, queued: Option<u64>, of_recording| {
            let mut measured = measured(100 * CS, user * CS, system * CS, &[]);
            measured.usage.queued_ns = queued.map(|queued| queued * CS);
            measured.of_recording = of_recording;
            super::of(&measured).sentence()
        };
        let running = of(36, 0, Some(50), false);
        assert!(!running.contains("bound by"), "{running}");
        assert!(
            running
                .contains("36.0% of the time, and waited for one for 58.1% of the time in which"),
            "{running}"
        );
        // Of several threads at once these can be more than the time of the run.
        let threads = of(90, 0, Some(210), false);
        assert!(threads.contains("waited for one for 70.0%"), "{threads}");
        assert!(of(30, 60, Some(0), false).starts_with("bound by the kernel: "));
        assert!(of(20, 5, Some(0), false).starts_with("bound by waiting: "));
        assert!(of(30, 60, None, true).starts_with("bound by the kernel: "));
        // A recording says it where it knows how long the program was only queued.
        assert!(of(20, 5, Some(0), true).starts_with("bound by waiting: "));
        let queued = of(36, 0, Some(50), true);
        assert_eq!(queued, running);
        let recorded = of(20, 5, None, true);
        assert!(
            !recorded.contains("bound by") && !recorded.contains("waited"),
            "{recorded}"
        );
    }

    #[test]
    fn only_what_was_measured_decides() {
        const MS: u64 = 1_000_000;
        let of = |wall, user, system, counters: &[_]| {
            super::of(&measured(wall * MS, user * MS, system * MS, counters)).bound
        };
        assert_eq!(of(1, 1, 0, &[]), None);
        assert_eq!(of(100, 20, 5, &[]), Some(Bound::Waiting));
        assert_eq!(of(1000, 300, 600, &[]), Some(Bound::Kernel));
        // What a few ticks of the clock say is chance.
        assert_eq!(of(100, 30, 60, &[]), Some(Bound::Running));
        assert_eq!(of(100, 90, 5, &[]), Some(Bound::Running));
        let slow = [
            ("instructions", 1000),
            ("cycles", 2000),
            ("cache-misses", 20),
        ];
        assert_eq!(of(100, 90, 5, &slow), Some(Bound::Memory));
        let fast = [
            ("instructions", 4000),
            ("cycles", 2000),
            ("cache-misses", 1),
        ];
        assert_eq!(of(100, 90, 5, &fast), Some(Bound::Cpu));
    }
}
