//! A gate on time as its commands run it: with a word on what it does, and the exit code that its
//! result calls for.

use crate::{
    cli::GateTarget,
    gate::{
        compare::{self, Comparison, Options, Talk},
        grew,
        row::Gate,
        runner::{Estimate, Observer},
        save, stop, work,
    },
    report,
};
use codecost::{
    Error, Result,
    cargo::Context,
    console::{Console, Progress},
    error::exit_code,
    report::{OutputOptions, Warning},
    stdin::Stdin,
    units::{Time, counted},
};
use std::time::{Duration, Instant};

/// Compares with a baseline, and says what grew where something did.
pub(crate) fn gate(options: &Options, console: &mut Console) -> Result<Gate> {
    stop::watch();
    let start = Instant::now();
    let context = Context::current()?;
    let mut comparison = {
        let mut talk = ConsoleTalk::new(console, &options.baseline);
        compare::compare(&context, options, &stop::is_wanted, &mut talk)?
    };
    say_own_empty(console);
    if !comparison.gate.stopped {
        count_work(&mut comparison, &context, options, console)?;
        grew::explain(&mut comparison, &context, console);
    }
    comparison.gate.elapsed = start.elapsed();
    Ok(comparison.gate)
}

/// Compares the allocations and instructions of one operation, where that is asked for.
pub(crate) fn count_work(
    comparison: &mut Comparison,
    context: &Context,
    options: &Options,
    console: &mut Console,
) -> Result<()> {
    if !options.work {
        return Ok(());
    }
    let mut say = |what: &str| console.status("Counting", what);
    work::add(comparison, context, &stop::is_wanted, &mut say)
}

/// `cargo hotspots --baseline NAME`: the same without the gate's own flags.
pub(crate) fn compare_with(
    target: GateTarget,
    baseline: String,
    mut output: OutputOptions,
    console: &mut Console,
) -> Result<u8> {
    let options = Options {
        current: target.current(console)?,
        baseline,
        config_file: None,
        concern: None,
        action: None,
        time_budget: None,
        fail_on: Vec::new(),
        filter: output.filter.take(),
        work: true,
        shard: None,
    };
    let gate = gate(&options, console)?;
    report::check::write(&gate, &output, &report::check::Extra::default(), console)?;
    end(&gate)
}

/// `cargo hotspots --save-baseline NAME`.
pub(crate) fn keep(
    target: GateTarget,
    name: &str,
    output: &OutputOptions,
    console: &mut Console,
) -> Result<u8> {
    stop::watch();
    let context = Context::current()?;
    let current = target.current(console)?;
    let saved = {
        let mut talk = ConsoleTalk::new(console, name);
        save::save(&context, &current, name, &stop::is_wanted, &mut talk)?
    };
    say_own_empty(console);
    report::check::write_saved(&saved, output, console)?;
    Ok(exit_code::OK)
}

/// Says it of programs that are compared as a whole, which were given this process's standard input.
fn say_own_empty(console: &mut Console) {
    if let Some(stdin) = Stdin::known() {
        say_empty(stdin, console);
    }
}

/// Says why the runs of a program have an empty standard input, where this process's own may not be.
pub(crate) fn say_empty(stdin: &Stdin, console: &mut Console) {
    match (stdin, stdin.why_empty()) {
        // Most programs that are started from a terminal do not read it.
        (Stdin::Terminal, Some(why)) => console.detail(why),
        (_, Some(why)) => {
            let warning = Warning::new("empty-input", why)
                .help("redirect it from a file: `< FILE`, or `< /dev/null`");
            console.warning(&warning);
        }
        (_, None) => {}
    }
}

/// A run that was stopped has not done its work, whatever its rows say.
pub(crate) fn code(gate: &Gate) -> u8 {
    match (gate.fails(), gate.stopped) {
        (true, _) => exit_code::GATE,
        (false, true) => exit_code::FAILURE,
        (false, false) => exit_code::OK,
    }
}

/// The exit code, for a command whose report is written.
///
/// # Errors
///
/// It was stopped, which a report in a file does not tell who looks at the terminal.
pub(crate) fn end(gate: &Gate) -> Result<u8> {
    match code(gate) {
        exit_code::FAILURE => Err(Error::failed(
            "the comparison was stopped before its end: the report has what was known by then",
            "run it again, and let it end",
        )),
        code => Ok(code),
    }
}

/// Says on standard error what a gate does.
pub(crate) struct ConsoleTalk<'a> {
    console: &'a mut Console,
    against: String,
    progress: Option<(Progress, u64, u64)>,
}

impl<'a> ConsoleTalk<'a> {
    /// For a comparison with `against`.
    pub(crate) fn new(console: &'a mut Console, against: &str) -> Self {
        Self {
            console,
            against: against.to_owned(),
            progress: None,
        }
    }
}

impl Observer for ConsoleTalk<'_> {
    fn progress(&mut self, done: u64, planned: u64) {
        let (progress, before) = match self.progress.take() {
            // A display has one length; more work makes a new one.
            Some((progress, before, of)) if of == planned && before <= done => (progress, before),
            _ => (
                self.console.progress("running benchmarks", Some(planned)),
                0,
            ),
        };
        progress.advance(done - before);
        self.progress = Some((progress, done, planned));
    }

    fn note(&mut self, text: &str) {
        self.progress = None;
        self.console.status("Checking", text);
    }
}

impl Talk for ConsoleTalk<'_> {
    fn estimate(&mut self, benchmarks: usize, estimate: Estimate, budget: Option<Duration>) {
        self.progress = None;
        let mut text = format!(
            "{} with `{}`: about {}, at most {}",
            counted(benchmarks as u64, "benchmark"),
            self.against,
            report::check::about(estimate.first),
            report::check::about(estimate.most),
        );
        if let Some(budget) = budget {
            text += &format!(" (time budget {})", Time(budget));
        }
        self.console.status("Comparing", &text);
    }

    fn begin(&mut self, verb: &str, what: &str) {
        self.progress = None;
        self.console.status(verb, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_comparison_is_an_error_that_says_so() {
        let mut gate = Gate::empty();
        assert_eq!(end(&gate).unwrap(), exit_code::OK);
        gate.stopped = true;
        let error = end(&gate).unwrap_err();
        assert_eq!(error.exit_code(), exit_code::FAILURE);
        assert!(error.to_string().contains("stopped before its end"));
    }
}
