//! How much of the CPU time that the programs used is in the samples, and why the rest is not.
//!
//! The kernel's account ([`Account`]) is the total; the periods of a clock event are the part that was
//! sampled. Cycles become time by a counter beside the samples: all cycles that were counted took all
//! the time that was used, so this takes the clock rate for the same throughout. A cause is named when what it can hide is at least
//! half of what is missing. Limits: the account of a process that was attached to is exact to some
//! 20 ms, and it does not know children that nobody waited for.

use super::{
    advice::{self, Symptom},
    model::{Facts, Weight},
    shares::Shares,
};
use crate::{profile::Profile, recording::Account};
use codecost::{
    report::Warning,
    units::{Share, Time, counted},
};
use std::time::Duration;

/// The account of a process that still runs is exact to some 20 ms.
const ALWAYS: f64 = 20e6;
/// A clock goes on while the machine's host runs something else, and the account does not: so much is
/// no missing process.
const ROUNDED: f64 = 0.10;

/// Below this coverage a recording is unreliable.
pub(super) const LEAST: f64 = 0.80;
/// Of less CPU time than this, start-up and the clock's ticks are a large part.
const SHORT: u64 = 100_000_000;

impl Facts {
    /// The part of the used CPU time that was sampled; `None` where one of the two is not known: the
    /// account does not have what is sampled beyond chance.
    pub fn coverage(&self) -> Option<f64> {
        let (sampled, used) = self.sampled_and_used()?;
        let is_whole = self.beyond_account().is_none();
        (used > 0 && is_whole).then(|| sampled as f64 / used as f64)
    }

    /// The CPU time of all samples, those that are not shown included, and that of the account.
    fn sampled_and_used(&self) -> Option<(u64, u64)> {
        let used = self.account?.cpu_ns();
        let left_out = self.left_out.iter().map(|left| left.period);
        let sampled = left_out.fold(self.cpu_ns?, u64::saturating_add);
        Some((sampled, used))
    }

    /// How much more CPU time was sampled than the account has, where that is more than chance.
    fn beyond_account(&self) -> Option<u64> {
        let (sampled, used) = self.sampled_and_used()?;
        let beyond = sampled.checked_sub(used)?;
        // Each thread is hit in step, and what it ends with by chance: five standard deviations.
        let samples = self.recorded_samples().max(1);
        let period = sampled as f64 / samples as f64;
        let hits = match self.whole_cpus {
            true => samples,
            false => samples.min(self.started.saturating_add(1)),
        };
        let chance = 5.0 * period * (hits as f64).sqrt();
        let allowed = ALWAYS + ROUNDED * used as f64 + chance;
        (beyond as f64 > allowed).then_some(beyond)
    }

    /// All samples, those that are not shown included.
    pub fn recorded_samples(&self) -> u64 {
        let left_out = self.left_out.iter().map(|left| left.samples);
        left_out.fold(self.samples, u64::saturating_add)
    }

    /// The coverage, when it is too low to rely on: of a short run, too.
    pub(super) fn low_coverage(&self) -> Option<f64> {
        self.coverage().filter(|share| *share < LEAST)
    }
}

/// Whether an event happens all the time that a program runs.
pub(super) fn is_time(event: &str) -> bool {
    let times = ["cycles", "clock", "samples"];
    times.iter().any(|time| event.contains(time))
}

/// The CPU time that samples stand for; `None` where their event says nothing of time.
pub(super) fn cpu_time(event: &str, account: Option<Account>, period: u64) -> Option<u64> {
    match event.split(':').next().unwrap_or_default() {
        "cpu-clock" | "task-clock" => Some(period),
        "cycles" | "cpu-cycles" => {
            let account = account?;
            let counted = account.event_count.filter(|counted| *counted > 0)?;
            let used = match is_user_only(event) {
                true => account.user_ns,
                false => account.cpu_ns(),
            };
            let time = u128::from(period) * u128::from(used) / u128::from(counted);
            u64::try_from(time).ok()
        }
        _ => None,
    }
}

/// Why time is missing, and what to do about it.
struct Cause {
    why: String,
    help: String,
}

/// Says how much is missing, and why.
pub(super) fn warning(shares: &Shares<'_>, facts: &Facts) -> Option<Warning> {
    let share = facts.low_coverage()?;
    let used = facts.account?.cpu_ns();
    let missing = ((1.0 - share) * used as f64) as u64;
    let time = |nanoseconds| Time(Duration::from_nanos(nanoseconds));
    let Cause { why, help } = cause(shares.profile, shares.total, facts, missing);
    let message = format!(
        "only {} of the CPU time that was used is sampled, {} of {} is missing: {why}",
        Share(share),
        time(missing),
        time(used)
    );
    Some(Warning::new("low-coverage", message).help(help))
}

/// A larger part of the run in which no thread ran or was ready to is said.
const WAITS: f64 = 0.5;
/// Shorter waits are those of starting a program.
const LEAST_WAIT_NS: u64 = 20_000_000;

/// Says that a program waited for most of its run: samples of CPU time show nothing of that, so it
/// looks fast.
pub(super) fn waiting(facts: &Facts) -> Option<Warning> {
    let is_time = facts.allocated.is_none() && !facts.is_waiting();
    let account = facts.account.filter(|_| is_time)?;
    let waited = account.waiting_ns()?;
    let share = Share::of(waited, account.duration_ns);
    if share.0 <= WAITS || waited < LEAST_WAIT_NS {
        return None;
    }
    let time = |nanoseconds| Time(Duration::from_nanos(nanoseconds));
    let times = account.waits.filter(|waits| *waits > 0);
    let times = times.map_or_else(String::new, |waits| format!(", {}", counted(waits, "time")));
    let message = format!(
        "the program waited for {share} of its run ({} of {}{times}), which samples of CPU time do not \
         show: all shares are of the {} in which it ran",
        time(waited),
        time(account.duration_ns),
        time(account.cpu_ns())
    );
    let help = "record where it waits: `--event waiting`, with the same program and arguments";
    Some(Warning::new("waiting", message).help(help))
}

/// Why it is not known how much of the CPU time was sampled, where it is not.
pub(super) fn unknown(facts: &Facts) -> Option<Warning> {
    if facts.coverage().is_some() || facts.is_waiting() {
        return None;
    }
    if let Some(beyond) = facts.beyond_account() {
        return Some(not_accounted(facts, beyond));
    }
    let (why, help) = match (facts.account, facts.cpu_ns) {
        (None, _) => (
            "the recording does not say what the program used".to_owned(),
            "`cargo hotspots` keeps the kernel's account of what it records itself",
        ),
        (Some(_), None) => (
            format!("`{}` does not count time", facts.event),
            "`--event cpu-clock` does; cycles do where they can be counted beside the samples",
        ),
        (Some(_), Some(_)) => (
            "the program used no CPU time that the kernel counts".to_owned(),
            "let it run longer",
        ),
    };
    let message = format!("how much of the CPU time was sampled is not known: {why}");
    Some(Warning::new("coverage-unknown", message).help(help))
}

/// Says that samples are of processes that the account does not have.
fn not_accounted(facts: &Facts, beyond: u64) -> Warning {
    let time = |nanoseconds| Time(Duration::from_nanos(nanoseconds));
    let used = facts.account.map_or(0, |account| account.cpu_ns());
    let message = format!(
        "how much of the CPU time was sampled is not known: the samples are of {} more than the {} \
         that the kernel accounts for, as of a child process that the program did not wait for",
        time(beyond),
        time(used)
    );
    let help = "all samples count; such a process is recorded until the program ends, so let the \
                program wait for it, or record that process with `--pid`";
    Warning::new("coverage-unknown", message).help(help)
}

fn cause(profile: &Profile, total: Weight, facts: &Facts, missing: u64) -> Cause {
    let remedy = |symptom| advice::remedy(symptom, facts.mode(), facts.stack_limit, None);
    let is_enough = |hidden: u64| hidden.saturating_mul(2) >= missing;
    let period = facts.cpu_ns.unwrap_or(total.period) / total.samples.max(1);
    let in_kernel = facts.account.map_or(0, |account| account.system_ns);
    if is_user_only(&facts.event) && is_enough(in_kernel) {
        return Cause {
            why: "time in the kernel is not sampled".into(),
            help: remedy(Symptom::KernelNotSampled),
        };
    }
    let lost = profile.losses.lost;
    if is_enough(lost.saturating_mul(period)) {
        return Cause {
            why: format!("{} were lost", counted(lost, "sample")),
            help: remedy(Symptom::Lost),
        };
    }
    if profile.losses.throttled > 0 {
        let times = counted(profile.losses.throttled, "time");
        return Cause {
            why: format!("the kernel stopped sampling {times}, because it took too long"),
            help: remedy(Symptom::Throttled),
        };
    }
    // Each thread has a clock of its own, which first ticks one period after the thread's start:
    // what ends before that is not seen at all. A CPU's clock goes on.
    if !facts.whole_cpus && is_enough(profile.started.saturating_mul(period)) {
        return Cause {
            why: format!(
                "{} started meanwhile, and many ended before their first sample",
                counted(profile.started, "thread")
            ),
            help: remedy(Symptom::ShortLived),
        };
    }
    if facts
        .account
        .is_some_and(|account| account.cpu_ns() < SHORT)
    {
        return Cause {
            why: "the run is short, and each thread's clock first ticks after one period".into(),
            help: "let it run longer, or raise `--frequency`".into(),
        };
    }
    Cause {
        why: "the recording does not say why".into(),
        help: remedy(Symptom::Uncovered),
    }
}

/// Whether the event's modifiers leave the kernel out: `cpu-clock:u`.
pub(super) fn is_user_only(event: &str) -> bool {
    let modifiers = event.split_once(':').map_or("", |(_, modifiers)| modifiers);
    modifiers.contains('u') && !modifiers.contains('k')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{fixture::Fixture, subject::describe},
        recording::{About, Recording},
    };
    use codecost::attribution::Origin;

    /// A thousand samples of a millisecond, of `user` and `system` seconds that were used.
    fn warned(change: impl Fn(&mut Fixture), user: u64, system: u64) -> (Vec<String>, Facts) {
        let mut fixture = Fixture::new();
        let app = fixture.krate("app", Origin::Workspace, false);
        let main = fixture.function("app::main", app);
        let frame = fixture.frame(&[main]);
        let stack = fixture.stack(&[frame]);
        fixture.samples(stack, 1000);
        change(&mut fixture);
        let recording = Recording {
            data: "perf.data".into(),
            about: Some(About {
                account: Some(Account {
                    duration_ns: 9_000_000_000,
                    user_ns: user * 1_000_000_000,
                    system_ns: system * 1_000_000_000,
                    event_count: None,
                    queued_ns: None,
                    waits: None,
                }),
                ..About::default()
            }),
        };
        let analysis = describe(&fixture.subject(&recording)).unwrap();
        let warnings = analysis.warnings.iter();
        let low = warnings.filter(|warning| warning.code == "low-coverage");
        let said = low.map(|warning| {
            assert!(warning.help.is_some());
            warning.message.clone()
        });
        (said.collect(), analysis.facts)
    }

    #[test]
    fn all_that_was_used_is_no_warning_and_the_duration_is_the_runs() {
        let (said, facts) = warned(|_| {}, 1, 0);
        assert_eq!(said, [""; 0]);
        assert_eq!(facts.coverage(), Some(1.0));
        assert_eq!(facts.exceeded(), [""; 0]);
        assert_eq!(facts.duration_ns, Some(9_000_000_000));
    }

    #[test]
    fn what_is_missing_has_its_cause() {
        let user_only = |fixture: &mut Fixture| fixture.profile.event = "cpu-clock:u".into();
        let kernel = "only 50.0% of the CPU time that was used is sampled, 1.0 s of 2.0 s is \
                      missing: time in the kernel is not sampled";
        let (said, facts) = warned(user_only, 1, 1);
        assert_eq!(said, [kernel]);
        assert_eq!(facts.exceeded(), ["coverage 50.0% is below 80.0%"]);
        type Cause = (fn(&mut Fixture), &'static str);
        let causes: [Cause; 4] = [
            (
                |fixture| fixture.profile.losses.lost = 900,
                "900 samples were lost",
            ),
            (
                |fixture| fixture.profile.losses.throttled = 3,
                "the kernel stopped sampling 3 times",
            ),
            (
                |fixture| fixture.profile.started = 1000,
                "1,000 threads started",
            ),
            // Time in the kernel is sampled, so it is not what is missing.
            (|_| {}, "the recording does not say why"),
        ];
        for (change, cause) in causes {
            let (said, _) = warned(change, 1, 1);
            assert!(
                said.len() == 1 && said[0].contains(cause),
                "{cause}: {said:?}"
            );
        }
    }

    /// `--strict` refuses what its help says: also a run too short for the clock.
    #[test]
    fn a_short_run_is_judged_too() {
        let recording = |used: u64| Facts {
            cpu_ns: Some(1_003_009),
            account: Some(Account {
                user_ns: used,
                ..Account::default()
            }),
            samples: 1,
            ..Facts::default()
        };
        // 56 % of 1.8 ms; and 80 %, which is enough.
        let short = recording(1_791_087);
        assert_eq!(short.exceeded(), ["coverage 56.0% is below 80.0%"]);
        assert_eq!(recording(1_253_761).exceeded(), [""; 0]);
    }

    #[test]
    fn without_a_clock_or_an_account_there_is_no_coverage() {
        let (said, facts) = warned(|fixture| fixture.profile.event = "cycles".into(), 5, 0);
        assert_eq!(said, [""; 0]);
        assert_eq!(facts.coverage(), None);
        let said = unknown(&facts).unwrap();
        assert_eq!(said.code, "coverage-unknown");
        assert!(said.message.contains("`cycles` does not count time"));
        // Four thousand million cycles of five seconds were counted, and a thousand of a million
        // sampled.
        let account = Some(Account {
            user_ns: 5_000_000_000,
            event_count: Some(4_000_000_000),
            queued_ns: None,
            waits: None,
            ..Account::default()
        });
        assert_eq!(
            cpu_time("cycles:u", account, 1_000_000_000),
            Some(1_250_000_000)
        );
        assert_eq!(cpu_time("instructions:u", account, 1), None);
        let foreign = unknown(&Facts::default()).unwrap();
        assert!(foreign.message.contains("what the program used"));
    }
}
