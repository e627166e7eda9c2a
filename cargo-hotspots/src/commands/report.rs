//! `cargo hotspots report`.

use crate::{
    analysis::{
        self, Analysis, Subject,
        alloc::{self, AllocTable, TimeOf},
    },
    cli::{GateTarget, OutputFlag, names_run},
    gate::compare::{Current, Options},
    gating,
    open::{Opened, Request, Shown, Source},
    operations,
    record::{self, AllocationOptions, RecordOptions},
    recording::Recording,
    report, stat,
    summary::{self, Inputs},
};
use clap::Args;
use codecost::{
    Error, Result,
    cargo::TargetChoice,
    console::Console,
    error::exit_code,
    front::{Command, quoted},
    report::{Format, FormatFlags, OutputOptions, RowFlags},
};

/// A performance report: costs, bottlenecks with evidence, and a plan
///
/// The program runs a few times: once counted, once sampled, once with its allocations recorded, and
/// on a machine without counters once simulated. With --bench each benchmark is measured, too. With
/// --baseline, after stands beside before. Nothing in the report is guessed. Without a target or
/// `-- ARGS` nothing is run: the report is made of the latest recordings.
#[derive(Args, Debug)]
pub(crate) struct Report {
    /// Put the comparison with this baseline at the top
    #[arg(long, value_name = "NAME|PATH", help_heading = "Baselines")]
    baseline: Option<String>,
    #[command(flatten)]
    target: GateTarget,
    #[command(flatten)]
    program_output: OutputFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// A longer run is not repeated 40 times slower unasked.
const AUTO_NS: u64 = 1_000_000_000;

impl Command for Report {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            baseline,
            target,
            program_output,
            format,
            rows,
        } = self;
        let output = output(format, rows)?;
        let current = target.current(console)?;
        let with_baseline = baseline.as_ref().map(|_| "--baseline");
        if !names_run(&current, program_output.given().or(with_baseline))? {
            let summary = summary::summarize(of_latest(&current)?);
            report::summary::write(&summary, &output, console)?;
            return Ok(exit_code::OK);
        }
        let mut not_measured = Vec::new();
        let input = operations::input(&current, console)?;

        let options = RecordOptions {
            output: program_output.output(),
            input,
            ..operations::options(&current)
        };
        let record::Run { measured, again } = record::measure(&options, console)?;
        let usage = measured.usage;
        let is_short = usage.user_ns.saturating_add(usage.system_ns) < AUTO_NS;
        let counted = measured.counter("instructions").is_some();
        let simulated = again
            .filter(|_| is_short && !counted)
            .map(|command| Ok(stat::simulate(&command, input.next()?)))
            .transpose()?;
        let stat = stat::stat(measured, simulated);

        let time = request(options.clone()).open(console);
        let overview = time.and_then(|opened| {
            let settings = opened.settings();
            let subject = Subject {
                settings: settings.as_ref(),
                input_flag: by_number(&opened.recording),
                ..opened.subject()
            };
            let overview = analysis::overview(&subject)?;
            Ok((overview, alloc::time_of(&subject)?))
        });
        let title = match &overview {
            Ok((overview, _)) => report::recording::title(&overview.facts),
            Err(_) => stat.measured.command.join(" "),
        };
        let overview = or_said(overview, "where the time goes", &mut not_measured);
        let (overview, time) = overview.unzip();
        let allocations = request(RecordOptions {
            allocations: Some(AllocationOptions::default()),
            ..options
        });
        let allocations = allocations
            .open(console)
            .and_then(|opened| allocated(&opened, time));
        let allocations = or_said(allocations, "allocations", &mut not_measured);
        let benchmarks = operations::measure(&current, &mut not_measured, console)?;
        let (target, arguments) = words(&current);
        let comparison = match baseline.clone() {
            Some(baseline) => Some(gating::gate(&against(current, baseline, &output), console)?),
            None => None,
        };
        let code = comparison.as_ref().map_or(exit_code::OK, gating::code);
        let summary = summary::summarize(Inputs {
            title,
            overview,
            allocations,
            stat,
            benchmarks,
            comparison,
            not_measured,
            target,
            arguments,
            baseline,
        });
        report::summary::write(&summary, &output, console)?;
        Ok(code)
    }
}

/// A file that is named as Markdown is written so.
fn output(format: FormatFlags, rows: RowFlags) -> Result<OutputOptions> {
    let mut output = format.options(rows)?;
    let is_markdown = output
        .output
        .as_ref()
        .is_some_and(|path| path.extension().is_some_and(|it| it == "md"));
    if is_markdown && output.format == Format::Human {
        output.format = Format::Markdown;
    }
    Ok(output)
}

/// What the latest recordings say: of time, and of the allocations of the same command.
fn of_latest(current: &Current) -> Result<Inputs> {
    let latest = record::latest(&current.selection)?;
    let about = latest.about.clone().unwrap_or_default();
    let stat = stat::of_recording(&about).ok_or_else(|| {
        Error::usage(
            "the latest recording does not say what its run cost",
            "name what to run: `cargo hotspots report --bin NAME -- ARGS`",
        )
    })?;
    let mut not_measured = Vec::new();
    let (time, allocations) = match about.is_of_allocations() {
        // A report itself ends with these.
        true => {
            let time = record::latest_of_time(&current.selection, &about.command)?;
            (time, Some(latest))
        }
        false => {
            let of_same = record::latest_of_allocations(&current.selection)?;
            let of_same = of_same.filter(|other| {
                let other = other.about.as_ref();
                other.is_some_and(|other| other.command == about.command)
            });
            (Some(latest), of_same)
        }
    };
    let overview = time.map(|recording| {
        let flag = by_number(&recording);
        let opened = Opened::read(recording, flag, false)?;
        let settings = opened.settings();
        let subject = Subject {
            settings: settings.as_ref(),
            ..opened.subject()
        };
        Ok((analysis::overview(&subject)?, alloc::time_of(&subject)?))
    });
    let overview = overview.and_then(|it| or_said(it, "where the time goes", &mut not_measured));
    let (overview, time) = overview.unzip();
    let allocations = allocations.map(|recording| {
        let flag = by_number(&recording);
        let opened = Opened::read(recording, flag, false)?;
        allocated(&opened, time)
    });
    let allocations = allocations.and_then(|it| or_said(it, "allocations", &mut not_measured));
    let program = about.programs.first();
    let named = program.and_then(|own| Some((own.kind.as_ref()?, own.target.as_ref()?)));
    let target = match (named, program) {
        (Some((kind, target)), _) => format!("--{kind} {}", quoted(target)),
        (None, Some(program)) => format!("--exec {}", quoted(&program.path.to_string_lossy())),
        (None, None) => String::new(),
    };
    let arguments: Vec<String> = about.command.iter().skip(1).map(|it| quoted(it)).collect();
    let arguments = match arguments.is_empty() {
        true => String::new(),
        false => format!(" -- {}", arguments.join(" ")),
    };
    if overview.is_none() && about.is_of_allocations() {
        not_measured.push("where the time goes: the latest recording is one of allocations".into());
    }
    if allocations.is_none() {
        let again = format!("`cargo hotspots alloc {target}{arguments}` records them");
        not_measured.push(format!(
            "allocations: the latest recording has none; {again}"
        ));
    }
    Ok(Inputs {
        title: match &overview {
            Some(overview) => report::recording::title(&overview.facts),
            None => about.command.join(" "),
        },
        overview,
        allocations,
        stat,
        benchmarks: Vec::new(),
        comparison: None,
        not_measured,
        target,
        arguments,
        baseline: None,
    })
}

/// The flag that names a recording: a report looks at two, and only one is the latest.
fn by_number(recording: &Recording) -> String {
    let number = recording.number();
    number.map_or_else(String::new, |number| format!(" --input {number}"))
}

/// Who allocates, and what that costs in time, where that was sampled.
fn allocated(opened: &Opened, time: Option<TimeOf>) -> Result<Analysis<AllocTable>> {
    let subject = Subject {
        input_flag: by_number(&opened.recording),
        ..opened.subject()
    };
    let mut analysis = alloc::alloc(&subject, alloc::Options::default())?;
    if let Some(time) = time {
        alloc::add_time(&mut analysis, time);
    }
    Ok(analysis)
}

/// What could not be measured is said in the report, and the rest is reported.
fn or_said<T>(result: Result<T>, what: &str, not_measured: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| not_measured.push(format!("{what}: {error}")))
        .ok()
}

/// The flags that name the target, and the program's arguments, as the user would type them.
fn words(current: &Current) -> (String, String) {
    let named = |flag: &str, name: &Option<String>| match name {
        Some(name) => format!("{flag} {}", quoted(name)),
        None => flag.to_owned(),
    };
    let target = match (&current.program, &current.selection.target) {
        (Some(path), _) => named("--exec", &Some(path.display().to_string())),
        (None, TargetChoice::Bin(name)) => named("--bin", name),
        (None, TargetChoice::Example(name)) => named("--example", name),
        (None, TargetChoice::Test(name)) => named("--test", name),
        (None, TargetChoice::Bench(name)) => named("--bench", name),
        (None, TargetChoice::Default | TargetChoice::Lib) => String::new(),
    };
    let arguments = current.arguments.iter();
    let arguments: Vec<String> = arguments
        .map(|argument| quoted(&argument.to_string_lossy()))
        .collect();
    match arguments.is_empty() {
        true => (target, String::new()),
        false => (target, format!(" -- {}", arguments.join(" "))),
    }
}

fn request(options: RecordOptions) -> Request {
    Request {
        source: Source::Record(Box::new(options)),
        shown: Shown::default(),
        strict: false,
    }
}

fn against(current: Current, baseline: String, output: &OutputOptions) -> Options {
    Options {
        current,
        baseline,
        config_file: None,
        concern: None,
        action: None,
        time_budget: None,
        fail_on: Vec::new(),
        filter: output.filter.clone(),
        work: true,
        shard: None,
    }
}
