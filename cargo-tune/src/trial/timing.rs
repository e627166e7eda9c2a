//! Timing the baseline and every variant that was built.

use codecost::Result;
use codecost::cargo::config::Notice;
use codecost::console::Console;

use super::outcome::{Outcome, Status};
use super::paired::{self, Interval, Times};
use super::workload::Workloads;
use crate::project::Project;

/// Times of the baseline and of all variants that were timed, in common blocks.
pub struct Timed {
    times: Times,
    /// Which variant of the blocks each row is.
    positions: Vec<Option<usize>>,
    /// Whether a command writes nothing, so that there was no output to compare.
    pub silent: bool,
    /// Whether the output differs from run to run of one program, so that it was not compared.
    pub varies: bool,
}

impl Timed {
    /// What the reader must know where outputs could not be compared.
    pub fn notices(&self) -> Vec<Notice> {
        notices(self.silent, self.varies)
    }

    /// The baseline against itself: the floor of what time can show.
    pub fn noise(&self) -> Option<Interval> {
        self.times.compare(1, 0)
    }

    /// One row's time to another's; `None` for a row stands for the baseline.
    pub fn compare(&self, row: usize, reference: Option<usize>) -> Option<Interval> {
        let position = |row: usize| self.positions.get(row).copied().flatten();
        let reference = match reference {
            None => 0,
            Some(row) => position(row)?,
        };
        self.times.compare(position(row)?, reference)
    }
}

/// The code of the notice on a command without output.
pub const NO_OUTPUT: &str = "no-output";
/// The code of the notice on a command whose output varies.
pub const OUTPUT_VARIES: &str = "output-varies";

/// What the reader must know of a workload that is `silent`, or whose output `varies`.
pub fn notices(silent: bool, varies: bool) -> Vec<Notice> {
    let silent = silent.then(|| Notice {
        code: NO_OUTPUT,
        message: "a command writes nothing to standard output, so only its success was compared \
                  between the variants"
            .to_owned(),
        help: Some("let it print a result; `pgo` and `search` can check more with --verify".into()),
    });
    let varies = varies.then(|| Notice {
        code: OUTPUT_VARIES,
        message: "the workload's output differs from run to run of the same program, so the \
                  outputs of the variants were not compared"
            .to_owned(),
        help: Some(
            "let it print the same each time; `pgo` and `search` can check with --verify".into(),
        ),
    });
    silent.into_iter().chain(varies).collect()
}

/// Times the baseline, the baseline again, and every variant that was built. A variant that fails
/// or whose output is another one is marked and not timed.
pub fn time(
    project: &Project,
    workload: &Workloads,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) -> Result<Option<Timed>> {
    let Some(reference) = baseline.weighed.as_ref().map(|w| w.path.clone()) else {
        return Ok(None);
    };
    workload.say_input(console)?;
    let expected = workload.output(project, &reference)?;
    let mut varies = workload.output(project, &reference)? != expected;
    let once = workload.time(project, &reference)?;
    for row in rows.iter_mut() {
        let Some(weighed) = row
            .weighed
            .as_ref()
            .filter(|_| row.status != Status::Failed)
        else {
            continue;
        };
        match workload.output(project, &weighed.path) {
            Ok(output) if varies || output == expected => {}
            // Two runs of one program may agree by luck, such as within one second of the clock.
            Ok(_) if workload.output(project, &reference)? != expected => varies = true,
            Ok(_) => {
                row.status = Status::Failed;
                row.reason = Some("the workload's output differs from the baseline's".to_owned());
            }
            Err(error) => {
                row.status = Status::Failed;
                row.reason = Some(error.to_string());
            }
        }
    }
    let hash = baseline.weighed.as_ref().map(|w| w.hash);
    let mut paths = vec![reference.clone(), reference];
    let mut positions = Vec::new();
    for row in rows.iter() {
        let weighed = row
            .weighed
            .as_ref()
            .filter(|_| row.status != Status::Failed);
        let other = weighed.filter(|weighed| Some(weighed.hash) != hash);
        positions.push(other.map(|_| paths.len()));
        paths.extend(other.map(|weighed| weighed.path.clone()));
    }
    let runs = 2 * paired::BLOCKS * paths.len();
    let estimate = once.as_secs_f64() * runs as f64;
    console.status("Timing", &format!("{runs} runs, about {estimate:.0} s"));
    let times = paired::blocks(paths.len(), paired::BLOCKS, paired::seed(), |variant| {
        let path = paths.get(variant).cloned().unwrap_or_default();
        workload.time(project, &path)
    })?;
    let timed = Timed {
        times,
        positions,
        silent: Workloads::some_are_silent(&expected),
        varies,
    };
    for (index, row) in rows.iter_mut().enumerate() {
        if timed.positions.get(index).copied().flatten().is_some() {
            row.time = timed.compare(index, None);
        }
    }
    baseline.time = Some(Interval::SAME);
    Ok(Some(timed))
}
