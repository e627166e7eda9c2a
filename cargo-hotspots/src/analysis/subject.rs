//! A recording with its names, and what all analyses of it have in common: the samples are settled
//! once, their quality is measured, and a recording without samples is an error that says why.

use super::{
    advice::{self, Mode, Symptom},
    coverage,
    model::{Analysis, Facts},
    quality,
    shares::Shares,
};
use crate::{
    profile::{Profile, WAITING},
    recording::{About, Recording},
    symbols::Symbols,
};
use codecost::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// All that is known of a recording.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The samples.
    pub profile: &'a Profile,
    /// The names.
    pub symbols: &'a Symbols,
    /// The recording on disk.
    pub recording: &'a Recording,
    /// The user's own settings of the build profile in use, where cargo built the program.
    pub settings: Option<&'a BTreeMap<String, String>>,
    /// The flag that opens this recording again, with a space in front (` --input perf.data`);
    /// empty for the latest recording.
    pub input_flag: String,
}

impl Subject<'_> {
    /// Settles the samples and finds the rows.
    ///
    /// # Errors
    ///
    /// There is not one sample, or the error of `rows`.
    pub(super) fn analyse<R>(
        &self,
        rows: impl FnOnce(&Shares<'_>) -> Result<R>,
    ) -> Result<Analysis<R>> {
        let shares = Shares::new(self.profile, self.symbols);
        if shares.total.samples == 0 {
            return Err(no_samples(self));
        }
        let facts = facts(self, &shares);
        let rows = rows(&shares)?;
        let mut warnings = quality::warnings(&shares, &facts);
        // Bytes cover no time.
        if facts.allocated.is_none() {
            warnings.extend(coverage::unknown(&facts));
        }
        Ok(Analysis {
            facts,
            total: shares.total,
            rows,
            warnings,
        })
    }
}

/// What was recorded, how well, and what the figures cannot say, for commands without rows.
///
/// # Errors
///
/// There is not one sample.
pub fn describe(subject: &Subject<'_>) -> Result<Analysis<()>> {
    subject.analyse(|_| Ok(()))
}

/// What was recorded, and how well.
pub(super) fn facts(subject: &Subject<'_>, shares: &Shares<'_>) -> Facts {
    let profile = subject.profile;
    let About {
        format: _,
        recorder,
        command,
        programs,
        frequency: _,
        call_graph: _,
        build_notes,
        build_profile,
        directory: _,
        whole_cpus,
        degradations,
        account,
        copies: _,
    } = subject.recording.about.clone().unwrap_or_default();
    let time = |period| coverage::cpu_time(&profile.event, account, period);
    let mut left_out = profile.left_out.clone();
    for left in &mut left_out {
        left.period = time(left.period).unwrap_or(left.period);
    }
    Facts {
        input_flag: subject.input_flag.clone(),
        number: subject.recording.number(),
        source: subject.recording.data.clone(),
        event: profile.event.clone(),
        recorder: Some(recorder).filter(|recorder| !recorder.is_empty()),
        command,
        programs,
        build_profile,
        build_notes,
        degradations,
        call_graph: profile.call_graph,
        stack_limit: profile.stack_limit,
        left_out,
        whole_cpus,
        started: profile.started,
        samples: shares.total.samples,
        duration_ns: account
            .map(|account| account.duration_ns)
            .or(Some(profile.duration_ns).filter(|duration| *duration > 0)),
        cpu_ns: time(shares.total.period),
        waited_ns: (profile.event == WAITING).then_some(shares.total.period),
        account,
        allocated: profile.allocations.as_ref().map(|all| all.totals),
        threads: profile.threads.len() as u64,
        processes: processes(profile),
        quality: quality::measure(shares),
    }
}

fn processes(profile: &Profile) -> u64 {
    let processes: BTreeSet<i32> = profile.threads.iter().map(|thread| thread.pid).collect();
    processes.len() as u64
}

/// Why there may be none, and what to do.
pub(super) fn no_samples(subject: &Subject<'_>) -> Error {
    let path = subject.recording.data.display();
    let programs = subject
        .recording
        .about
        .iter()
        .flat_map(|about| &about.programs);
    let failed = programs.clone().find(|program| {
        program.signal.is_some() || program.exit_code.is_some_and(|code| code != 0)
    });
    if let Some(program) = failed {
        let name = program
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let how = match (program.signal, program.exit_code) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, code) => format!("exit code {}", code.unwrap_or_default()),
        };
        return Error::failed(
            format_args!("`{path}` has no samples: `{name}` ended at once, with {how}"),
            "fix what it reports above; arguments for it go after `--`",
        );
    }
    if subject.profile.losses.cut_off {
        return Error::failed(
            format_args!("`{path}` has no samples: it ends in the middle of a record"),
            "copy the whole file, or record again; perf must end by itself or by Ctrl-C",
        );
    }
    let lost = subject.profile.losses.lost;
    if lost > 0 {
        return Error::failed(
            format_args!("`{path}` has no samples: all {lost} were lost"),
            advice::remedy(
                Symptom::Lost,
                Mode {
                    call_graph: subject.profile.call_graph,
                    of_allocations: subject.profile.allocations.is_some(),
                },
                subject.profile.stack_limit,
                None,
            ),
        );
    }
    let event = &subject.profile.event;
    if !coverage::is_time(event) {
        return Error::failed(
            format_args!("`{path}` has no samples: it counts `{event}`, and there was none of it"),
            "give the program more to do, or record another event",
        );
    }
    Error::failed(
        format_args!("`{path}` has no samples: the program used no CPU time while it was recorded"),
        "give it more to do (arguments go after `--`), raise `--frequency`, \
         or run `cargo hotspots doctor`",
    )
}
