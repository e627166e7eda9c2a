//! Which threads and processes of a recording are shown.
//!
//! All of them, unless some are named. What a benchmark's harness starts beside the benchmark is
//! left out: Criterion asks `cargo metadata` for the target directory and draws with gnuplot, which
//! says nothing about the code that is measured.

use crate::{
    gate::glob::Glob,
    profile::{Count, LeftOut, Profile, Thread, ThreadId},
    recording::About,
};
use codecost::{Error, Result, front::quoted, units::counted};
use std::collections::{BTreeMap, HashMap};

/// What is asked for: names, numbers, or patterns with `*` and `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Threads of one of these names or numbers; empty for all.
    pub threads: Vec<String>,
    /// Processes of one of these names or numbers; empty for all.
    pub processes: Vec<String>,
    /// Also what a benchmark spends on making its inputs and on dropping them.
    pub set_up: bool,
}

/// What Criterion starts, and what that starts in turn.
const STARTED_BY_CRITERION: [&str; 4] = ["cargo", "rustc", "rustup", "gnuplot"];
/// Names that an error lists.
const LISTED: usize = 8;

impl Shown {
    /// The flags that ask for the same, each with a space in front.
    pub(super) fn flags(&self) -> String {
        let Self {
            threads,
            processes,
            set_up,
        } = self;
        let of = |flag: &str, names: &[String]| -> String {
            let named = names.iter().map(|name| format!(" {flag} {}", quoted(name)));
            named.collect()
        };
        let set_up = if *set_up { " --set-up" } else { "" };
        of("--process", processes) + &of("--thread", threads) + set_up
    }

    /// Leaves out of `profile` what is not asked for.
    ///
    /// # Errors
    ///
    /// A usage error: there is no such thread or process.
    pub(super) fn apply(&self, about: Option<&About>, profile: &mut Profile) -> Result<()> {
        if self.threads.is_empty() && self.processes.is_empty() {
            let programs = about.iter().flat_map(|about| &about.programs);
            let mut harnesses = programs.filter_map(|program| program.harness.as_deref());
            if harnesses.any(|harness| harness == "criterion") {
                let beside =
                    |thread: &Thread| STARTED_BY_CRITERION.contains(&thread.process.as_str());
                // A program of that name that was recorded for itself stays.
                if !profile.threads.iter().all(beside) {
                    keep(profile, |thread| !beside(thread));
                }
            }
            return Ok(());
        }
        let threads = patterns(&self.threads)?;
        let processes = patterns(&self.processes)?;
        let fits = |patterns: &[Glob], name: &str, number: i32| {
            let number = number.to_string();
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.matches(name) || pattern.as_str() == number)
        };
        let wanted = |thread: &Thread| {
            (threads.is_empty() || fits(&threads, &thread.name, thread.tid))
                && (processes.is_empty() || fits(&processes, &thread.process, thread.pid))
        };
        if !profile.threads.iter().any(wanted) {
            let of_process = |thread: &Thread| fits(&processes, &thread.process, thread.pid);
            // What has no such thread may have others, unless there is no such process either.
            return Err(match profile.threads.iter().any(of_process) {
                true => self.nothing(profile, &of_process),
                false if self.processes.is_empty() => self.nothing(profile, &|_| true),
                false => {
                    let processes = Self {
                        threads: Vec::new(),
                        ..self.clone()
                    };
                    processes.nothing(profile, &|_| true)
                }
            });
        }
        keep(profile, wanted);
        Ok(())
    }

    /// Lists the names among `candidates`.
    fn nothing(&self, profile: &Profile, candidates: &dyn Fn(&Thread) -> bool) -> Error {
        let (what, asked) = match self.threads.as_slice() {
            [] => ("process", &self.processes),
            _ => ("thread", &self.threads),
        };
        let asked = asked.join("`, `");
        let mut samples: BTreeMap<&str, u64> = BTreeMap::new();
        for count in &profile.counts {
            let thread = profile.threads.get(count.thread.0 as usize);
            if let Some(thread) = thread.filter(|thread| candidates(thread)) {
                let name = match what {
                    "thread" => &thread.name,
                    _ => &thread.process,
                };
                *samples.entry(name).or_default() += count.samples;
            }
        }
        let mut names: Vec<(&str, u64)> = samples.into_iter().collect();
        names.sort_by_key(|(name, samples)| (std::cmp::Reverse(*samples), *name));
        let listed = names.iter().take(LISTED);
        let listed: String = listed
            .map(|(name, samples)| format!("\n  `{name}` ({})", counted(*samples, "sample")))
            .collect();
        let more = names.len().saturating_sub(LISTED);
        let more = match more {
            0 => String::new(),
            more => format!("\n  … {more} more"),
        };
        let of = match (what, self.processes.as_slice()) {
            ("thread", [_, ..]) => format!(" of process `{}`", self.processes.join("`, `")),
            _ => String::new(),
        };
        Error::usage(
            format_args!("no {what}{of} with samples is called `{asked}`"),
            format_args!("`*` stands for any text; there are:{listed}{more}"),
        )
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Glob>> {
    let compiled = texts.iter().map(|text| {
        Glob::new(text).map_err(|error| {
            Error::usage(
                format_args!("the pattern `{text}` cannot be used: {error}"),
                "shorten it",
            )
        })
    });
    compiled.collect()
}

/// Counts samples as left out.
pub(super) fn leave(left: &mut LeftOut, count: &Count) {
    left.samples = left.samples.saturating_add(count.samples);
    left.period = left.period.saturating_add(count.period);
}

/// Keeps the samples of these threads.
fn keep(profile: &mut Profile, wanted: impl Fn(&Thread) -> bool) {
    let threads = std::mem::take(&mut profile.threads);
    let mut left_out: BTreeMap<String, LeftOut> = BTreeMap::new();
    let mut ids: HashMap<ThreadId, ThreadId> = HashMap::new();
    for (old, thread) in (0..).map(ThreadId).zip(&threads) {
        if wanted(thread) {
            ids.insert(old, ThreadId(profile.threads.len() as u32));
            profile.threads.push(thread.clone());
        }
    }
    profile.counts.retain_mut(|count: &mut Count| {
        if let Some(new) = ids.get(&count.thread) {
            count.thread = *new;
            return true;
        }
        let process = threads
            .get(count.thread.0 as usize)
            .map_or("[unknown]", |thread| &thread.process);
        let left = left_out.entry(process.to_owned());
        leave(left.or_insert_with(|| LeftOut::of(process)), count);
        false
    });
    if let Some(timeline) = &mut profile.timeline {
        timeline.retain_mut(|sample| match ids.get(&sample.thread) {
            Some(new) => {
                sample.thread = *new;
                true
            }
            None => false,
        });
    }
    for left in left_out.values_mut() {
        let mut shown = profile.threads.iter();
        left.beside_shown = shown.any(|thread| thread.process == left.process);
    }
    profile.left_out.extend(left_out.into_values());
    profile.add_up();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        profile::{CallGraph, StackId},
        recording::Program,
    };

    fn profile() -> Profile {
        let thread = |pid, tid, name: &str, process: &str| Thread {
            pid,
            tid,
            name: name.into(),
            process: process.into(),
        };
        let mut profile = Profile {
            call_graph: CallGraph::Dwarf,
            threads: vec![
                thread(7, 7, "crit-1234", "crit-1234"),
                thread(7, 8, "worker-1", "crit-1234"),
                thread(9, 9, "cargo", "cargo"),
            ],
            ..Profile::default()
        };
        profile.counts = (0..3)
            .map(|at| Count {
                thread: ThreadId(at),
                stack: StackId(0),
                samples: 10 + u64::from(at),
                period: 1000,
                unrooted: u64::from(at == 2),
                ..Count::default()
            })
            .collect();
        profile.add_up();
        profile
    }

    fn shown(threads: &[&str], processes: &[&str]) -> Shown {
        let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Shown {
            threads: list(threads),
            processes: list(processes),
            set_up: false,
        }
    }

    #[test]
    fn other_threads_of_a_shown_process_are_said_to_be_that() {
        let mut profile = profile();
        let all = About::default();
        shown(&["worker*"], &[])
            .apply(Some(&all), &mut profile)
            .unwrap();
        let left = profile.left_out.iter();
        let left: Vec<_> = left
            .map(|left| (left.process.as_str(), left.samples, left.beside_shown))
            .collect();
        assert_eq!(left, [("cargo", 12, false), ("crit-1234", 10, true)]);
    }

    #[test]
    fn what_criterion_starts_is_left_out_and_said() {
        let about = |harness: &str| About {
            programs: vec![Program {
                harness: Some(harness.into()),
                ..Program::default()
            }],
            ..About::default()
        };
        let mut profile = profile();
        let all = Shown::default();
        all.apply(Some(&about("plain")), &mut profile).unwrap();
        assert_eq!((profile.samples, profile.left_out.len()), (33, 0));
        all.apply(Some(&about("criterion")), &mut profile).unwrap();
        assert_eq!((profile.samples, profile.period), (21, 2000));
        assert_eq!(profile.losses.unrooted, 0);
        assert_eq!(profile.threads.len(), 2);
        assert_eq!(profile.left_out[0].process, "cargo");
        assert!(!profile.left_out[0].beside_shown);
        assert_eq!(profile.left_out[0].samples, 12);
    }

    #[test]
    fn threads_and_processes_are_named_numbered_or_described() {
        for (wanted, samples) in [
            (shown(&["worker-1"], &[]), 11),
            (shown(&["worker-*", "9"], &[]), 23),
            (shown(&[], &["crit-*"]), 21),
            (shown(&["cargo"], &["9"]), 12),
        ] {
            let mut profile = profile();
            wanted.apply(None, &mut profile).unwrap();
            assert_eq!(profile.samples, samples, "{wanted:?}");
        }
        // What a next step has to say again.
        let flags = shown(&["a b", "9"], &["crit-*"]).flags();
        assert_eq!(flags, " --process 'crit-*' --thread 'a b' --thread 9");
        assert_eq!(Shown::default().flags(), "");
        let error = shown(&["nobody"], &[]).apply(None, &mut profile());
        let error = error.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.hint().unwrap().contains("`worker-1` (11 samples)"));
        // A thread of another process is no choice; no such process is what is wrong, if so.
        let error = shown(&["worker-1"], &["cargo"]).apply(None, &mut profile());
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no thread of process `cargo` with samples is called `worker-1`"
        );
        let hint = error.hint().unwrap();
        assert!(hint.contains("`cargo` (12 samples)") && !hint.contains("worker-1"));
        let error = shown(&["worker-1"], &["make"]).apply(None, &mut profile());
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no process with samples is called `make`"
        );
        assert!(error.hint().unwrap().contains("`crit-1234` (21 samples)"));
    }
}
