//! What a run of a program cost, counted and not sampled: time, faults, switches, memory, system
//! calls, and where the machine has counters cycles, instructions and misses.
//!
//! ```text
//! model      what was measured, and the rows that it makes
//! simulate   cachegrind's simulation, where there are no counters
//! verdict    what the program spends its time on, as far as that was measured
//! ```
//!
//! What could not be had is no row with a zero but one without a value, and a warning says why.

pub mod model;
mod simulate;
mod verdict;

pub use model::{Bound, Verdict};
pub use model::{Counter, Measured, Metric, Source, Stat, Usage, Value};
pub use simulate::{Simulated, simulate};

use crate::recording::About;
use codecost::{
    report::Warning,
    units::{Time, thousands},
};
use model::{Unit, counted, known, nanoseconds};
use std::time::Duration;

/// Instructions in a nanosecond: six in each of five cycles, which no processor reaches.
const MOST_INSTRUCTIONS: f64 = 30.0;
/// The account of less CPU time than this is rounded too much.
const MEASURED: u64 = 10_000_000;

/// The rows of what was measured; `simulated` where that was run, or why it was not.
pub fn stat(measured: Measured, simulated: Option<Result<Simulated, String>>) -> Stat {
    let mut metrics = of_kernel(&measured);
    let mut warnings = Vec::new();
    let counters = of_counters(&measured);
    let has_counters = counters.iter().any(|metric| metric.value != Value::Unknown);
    match simulated {
        _ if has_counters => metrics.extend(counters),
        Some(Ok(simulated)) => {
            metrics.extend(simulated.metrics());
            warnings.extend(of_other_code(&simulated, measured.usage));
            warnings.push(
                Warning::new(
                    "no-pmu",
                    "this machine has no counters of its own: instructions, misses and branches are \
                     simulated, for a processor without AVX-512 and SHA instructions, and cycles are \
                     not known",
                )
                .help("for cycles run on a machine with a PMU (`cargo hotspots doctor`)"),
            );
        }
        other => {
            metrics.extend(counters);
            let (why, help) = match other {
                Some(Err(why)) => (why, "install valgrind, or run on a machine with a PMU"),
                _ => (
                    "this machine has no counters of its own, and nothing was simulated".to_owned(),
                    "`cargo hotspots stat --simulate always` runs the program again under cachegrind, \
                     some 40 times slower",
                ),
            };
            warnings.push(Warning::new("no-pmu", why).help(help));
        }
    }
    warnings.extend(measured.problems.iter().cloned());
    warnings.extend(undivided(measured.usage));
    if !measured.of_recording && measured.usage.peak_bytes == 0 {
        warnings.push(no_peak());
    }
    let verdict = verdict::of(&measured);
    Stat {
        metrics,
        verdict,
        warnings,
        measured,
    }
}

/// A program that asks the processor what it can do may run other code on the simulated one. Where that is
/// more than any processor does in the time that the run took, it did.
fn of_other_code(simulated: &Simulated, usage: Usage) -> Option<Warning> {
    let (spent, instructions) = (usage.cpu_ns(), simulated.instructions);
    let most = spent as f64 * MOST_INSTRUCTIONS;
    (spent >= MEASURED && instructions as f64 > most).then(|| {
        let message = format!(
            "{} simulated instructions are more than a processor executes in the {} that the run took: \
             the program chose other code for the simulated processor, so its figures are not those of \
             this run",
            thousands(instructions),
            Time(Duration::from_nanos(spent))
        );
        Warning::new("other-code-simulated", message)
            .help("count on a machine with a PMU; what `loops` and `functions` show did run here")
    })
}

/// What a recording says of its run; `None` where it has no account of it.
pub fn of_recording(about: &About) -> Option<Stat> {
    let account = about.account?;
    let measured = Measured {
        programs: about.programs.clone(),
        command: about.command.clone(),
        build_profile: about.build_profile.clone(),
        build_notes: about.build_notes.clone(),
        duration_ns: account.duration_ns,
        usage: Usage {
            user_ns: account.user_ns,
            system_ns: account.system_ns,
            queued_ns: account.queued_ns,
            voluntary: account.waits.unwrap_or_default(),
            ..Usage::default()
        },
        of_recording: true,
        ..Measured::default()
    };
    let mut metrics = of_kernel(&measured);
    metrics.extend(of_counters(&measured));
    let warning = Warning::new(
        "not-counted",
        "these are the figures of the latest recording, which has the duration, the CPU time and the \
         waiting of its run: nothing else was counted",
    )
    .help("name what to run: `cargo hotspots stat --bin NAME -- ARGS`");
    let mut warnings = vec![warning];
    warnings.extend(undivided(measured.usage));
    Some(Stat {
        verdict: verdict::of(&measured),
        metrics,
        warnings,
        measured,
    })
}

/// CPU time in the program's own code and in the kernel, as far as the kernel can tell them apart: by
/// where the ticks of its clock found the program. No program does without the kernel, so a zero is
/// one that no tick found.
fn divided(user_ns: u64, system_ns: u64) -> [Value; 2] {
    let cpu = user_ns.saturating_add(system_ns);
    // Where all ticks found the one, the other is small only if there were many.
    let is_told = match user_ns.min(system_ns) {
        0 => cpu >= 10 * verdict::DIVIDED_NS,
        _ => cpu >= verdict::DIVIDED_NS,
    };
    [user_ns, system_ns].map(|part| match part {
        0 => Value::Unknown,
        part if is_told => nanoseconds(part),
        _ => Value::Unknown,
    })
}

/// Says why CPU time is not divided, where it is not.
fn undivided(usage: Usage) -> Option<Warning> {
    let Usage {
        user_ns, system_ns, ..
    } = usage;
    if !divided(user_ns, system_ns).contains(&Value::Unknown) {
        return None;
    }
    let time = |nanoseconds| Time(Duration::from_nanos(nanoseconds));
    let text = format!(
        "the kernel tells its own time from the program's by where the ticks of its clock find it: of \
         {} of CPU time they do not say",
        time(usage.cpu_ns())
    );
    let help = match usage.cpu_ns() < verdict::DIVIDED_NS {
        true => format!("let it run for more than {}", time(verdict::DIVIDED_NS)),
        false => "let it run longer: each tick found the one and none the other".to_owned(),
    };
    Some(Warning::new("not-divided", text).help(help))
}

/// The kernel keeps one maximum for the process and the program that it becomes.
fn no_peak() -> Warning {
    Warning::new(
        "no-peak-memory",
        "the program's largest memory is not known: it is smaller than what its process had before it \
         became the program",
    )
    .help("`/usr/bin/time -v` runs it from a smaller process")
}

/// What the kernel keeps for every process.
fn of_kernel(measured: &Measured) -> Vec<Metric> {
    let Usage {
        user_ns,
        system_ns,
        minor_faults,
        major_faults,
        voluntary,
        involuntary,
        peak_bytes,
        queued_ns,
    } = measured.usage;
    let cpu = measured.usage.cpu_ns();
    let [user, system] = divided(user_ns, system_ns);
    let kernel = |name, value, unit| Metric::new(name, value, unit, Source::Kernel);
    // A recording does not have them.
    let known = |value| match measured.of_recording {
        true => Value::Unknown,
        false => known(value),
    };
    let peak = match peak_bytes {
        0 => Value::Unknown,
        bytes => known(bytes),
    };
    let wall = measured.duration_ns;
    let used = match wall {
        0 => Value::Unknown,
        wall => Value::Ratio(cpu as f64 / wall as f64),
    };
    let queued = queued_ns.map_or(Value::Unknown, nanoseconds);
    // At least so long no thread of it ran, or wanted to.
    let waiting = match measured.of_recording && queued_ns.is_none() {
        true => Value::Unknown,
        false => nanoseconds(measured.waiting_ns()),
    };
    let counter = |name: &str| measured.counter(name).map_or(Value::Unknown, counted);
    vec![
        kernel("duration", nanoseconds(wall), Unit::Nanoseconds),
        kernel("task-clock", nanoseconds(cpu), Unit::Nanoseconds),
        kernel("user-time", user, Unit::Nanoseconds),
        kernel("system-time", system, Unit::Nanoseconds),
        kernel("cpus-used", used, Unit::Cpus),
        kernel("waiting", waiting, Unit::Nanoseconds),
        kernel("run-queue", queued, Unit::Nanoseconds),
        kernel("peak-memory", peak, Unit::Bytes),
        kernel(
            "page-faults",
            known(minor_faults.saturating_add(major_faults)),
            Unit::Count,
        ),
        kernel("major-faults", known(major_faults), Unit::Count),
        kernel(
            "context-switches",
            known(voluntary.saturating_add(involuntary)),
            Unit::Count,
        ),
        kernel(
            "voluntary-switches",
            match queued_ns {
                Some(_) => counted(voluntary),
                None => known(voluntary),
            },
            Unit::Count,
        ),
        kernel("involuntary-switches", known(involuntary), Unit::Count),
        kernel("cpu-migrations", counter("cpu-migrations"), Unit::Count),
        kernel("system-calls", counter("system-calls"), Unit::Count),
    ]
}

/// What the processor counts, where it does.
fn of_counters(measured: &Measured) -> Vec<Metric> {
    let counter = |name: &str| measured.counter(name);
    let value = |name: &str| counter(name).map_or(Value::Unknown, counted);
    let per = |part: &str, whole: &str| match (counter(part), counter(whole)) {
        (Some(part), Some(whole)) if whole > 0 => Value::Ratio(part as f64 / whole as f64),
        _ => Value::Unknown,
    };
    let pmu = |name, value, unit| Metric::new(name, value, unit, Source::Pmu);
    vec![
        pmu("cycles", value("cycles"), Unit::Count),
        pmu("instructions", value("instructions"), Unit::Count),
        pmu("ipc", per("instructions", "cycles"), Unit::Ratio),
        pmu("cache-references", value("cache-references"), Unit::Count),
        pmu("cache-misses", value("cache-misses"), Unit::Count),
        pmu("branches", value("branches"), Unit::Count),
        pmu("branch-misses", value("branch-misses"), Unit::Count),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Account;

    fn measured() -> Measured {
        Measured {
            duration_ns: 1_000_000_000,
            usage: Usage {
                user_ns: 300_000_000,
                system_ns: 100_000_000,
                peak_bytes: 4096,
                ..Usage::default()
            },
            ..Measured::default()
        }
    }

    fn value(stat: &Stat, name: &str) -> (Value, Source) {
        let metric = stat.metrics.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name}"));
        (metric.value, metric.source)
    }

    #[test]
    fn what_was_not_measured_has_no_value_and_a_reason() {
        let stat = stat(measured(), None);
        assert_eq!(
            value(&stat, "task-clock"),
            (Value::Whole(400_000_000), Source::Kernel)
        );
        let waiting = (Value::Whole(600_000_000), Source::Kernel);
        assert_eq!(value(&stat, "waiting"), waiting);
        assert_eq!(value(&stat, "instructions"), (Value::Unknown, Source::Pmu));
        let codes: Vec<_> = stat.warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["no-pmu"]);
    }

    #[test]
    fn a_recording_has_its_time_and_no_zeros_for_the_rest() {
        let about = About {
            account: Some(Account {
                duration_ns: 2_000_000_000,
                user_ns: 900_000_000,
                system_ns: 100_000_000,
                event_count: None,
                queued_ns: None,
                waits: None,
            }),
            ..About::default()
        };
        let stat = of_recording(&about).unwrap();
        let known = stat
            .metrics
            .iter()
            .filter(|metric| metric.value != Value::Unknown);
        let known: Vec<_> = known.map(|metric| (metric.name, metric.value)).collect();
        let expected = [
            ("duration", Value::Whole(2_000_000_000)),
            ("task-clock", Value::Whole(1_000_000_000)),
            ("user-time", Value::Whole(900_000_000)),
            ("system-time", Value::Whole(100_000_000)),
            ("cpus-used", Value::Ratio(0.5)),
        ];
        assert_eq!(known, expected);
        assert!(of_recording(&About::default()).is_none());
    }

    #[test]
    fn a_recording_of_a_program_that_waits_says_so() {
        let of = |queued_ns| {
            let about = About {
                account: Some(Account {
                    duration_ns: 3_000_000_000,
                    user_ns: 200_000_000,
                    system_ns: 100_000_000,
                    event_count: None,
                    queued_ns,
                    waits: queued_ns.map(|_| 70),
                }),
                ..About::default()
            };
            let stat = of_recording(&about).unwrap();
            let waiting = value(&stat, "waiting").0;
            (waiting, stat.verdict.bound, about.account.unwrap())
        };
        let (waiting, bound, _) = of(Some(200_000_000));
        assert_eq!(waiting, Value::Whole(2_500_000_000));
        assert_eq!(bound, Some(Bound::Waiting));
        // It was only queued for most of the time: a busy machine.
        let (waiting, bound, _) = of(Some(2_000_000_000));
        assert_eq!(waiting, Value::Whole(700_000_000));
        assert_eq!(bound, Some(Bound::Running));
        let (waiting, bound, account) = of(None);
        assert_eq!((waiting, bound), (Value::Unknown, None));
        assert_eq!(account.waiting_ns(), None);
    }

    #[test]
    fn time_that_no_tick_of_the_clock_found_is_not_nothing() {
        let of = |user_ns, system_ns| {
            let about = About {
                account: Some(Account {
                    duration_ns: 3_000_000_000,
                    user_ns,
                    system_ns,
                    event_count: None,
                    queued_ns: None,
                    waits: None,
                }),
                ..About::default()
            };
            let stat = of_recording(&about).unwrap();
            let said = stat.warnings.iter().any(|it| it.code == "not-divided");
            let [user, system] = ["user-time", "system-time"].map(|name| value(&stat, name).0);
            (user, system, said)
        };
        let whole = Value::Whole;
        // Two ticks: none in the kernel, or half of them, is chance.
        assert_eq!(of(5_300_000, 0), (Value::Unknown, Value::Unknown, true));
        assert_eq!(
            of(4_000_000, 4_000_000),
            (Value::Unknown, Value::Unknown, true)
        );
        // Forty ticks, none in the kernel: as many as one in ten may be missed.
        assert_eq!(of(168_000_000, 0), (Value::Unknown, Value::Unknown, true));
        assert_eq!(
            of(2_000_000_000, 0),
            (whole(2_000_000_000), Value::Unknown, true)
        );
        assert_eq!(
            of(190_000_000, 22_000_000),
            (whole(190_000_000), whole(22_000_000), false)
        );
    }

    #[test]
    fn counters_are_preferred_to_a_simulation() {
        let mut with = measured();
        with.counters = vec![
            Counter {
                name: "instructions",
                value: 900,
            },
            Counter {
                name: "cycles",
                value: 300,
            },
            Counter {
                name: "system-calls",
                value: 5,
            },
        ];
        let simulated = Simulated {
            instructions: 1,
            ..Simulated::default()
        };
        let stat = stat(with, Some(Ok(simulated)));
        assert_eq!(
            value(&stat, "instructions"),
            (Value::Whole(900), Source::Pmu)
        );
        assert_eq!(value(&stat, "ipc"), (Value::Ratio(3.0), Source::Pmu));
        assert!(stat.warnings.is_empty());
        let stat = super::stat(measured(), Some(Ok(simulated)));
        assert_eq!(
            value(&stat, "instructions"),
            (Value::Whole(1), Source::Simulated)
        );
    }

    /// 69 instructions a nanosecond were those of a hash in plain code, where the run had the processor's
    /// own instructions for it.
    #[test]
    fn what_no_processor_executes_in_the_time_is_other_code() {
        for (each_ns, expected) in [(4, false), (20, false), (69, true)] {
            let measured = measured();
            let simulated = Simulated {
                instructions: measured.usage.cpu_ns() * each_ns,
                ..Simulated::default()
            };
            let stat = super::stat(measured, Some(Ok(simulated)));
            let mut codes = stat.warnings.iter().map(|warning| warning.code);
            assert_eq!(codes.any(|code| code == "other-code-simulated"), expected);
        }
    }
}
