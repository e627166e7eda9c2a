//! Recording on Linux: chooses recorder, event and stacks by what the machine allows, runs, and
//! describes what came of it.

use super::{
    choice::Choice,
    options::{RecordOptions, RecorderChoice, What},
    perf,
    plan::{self, Job, Plan},
    refused::error_of,
    session::{self, Failure, Outcome, Recorder},
    setup::Setup,
    store::{FORMAT, Store, Unfinished},
    system,
};
use crate::{
    machine::Machine,
    profile::WAITING,
    recording::{About, Account, Degradation, Program, Recording},
};
use codecost::{
    Error, Result,
    cargo::Context,
    console::{Console, Verbosity},
    report::Warning,
    units::Time,
};
use std::{fs, path::PathBuf, time::Duration};

/// A program that failed with fewer samples has done nothing but start.
const FEW: u64 = 5;
/// The same in time, where the recorder does not count.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(super) fn record(
    context: &Context,
    options: &RecordOptions,
    console: &mut Console,
) -> Result<Recording> {
    let options = &of_process(options, console)?;
    let path = context.var_os("PATH");
    let machine = Machine::look(path.as_deref());
    // Before the build: what cannot be recorded need not be built.
    let mut choice = Choice::new(options, &machine)?;
    let mut announce = |additions: &[String]| announce(console, additions);
    let plan = plan::plan(context, options, choice.call_graph, &mut announce)?;
    say_left_out(console, &plan);
    choice.settle(options, &machine, plan.jobs.len());
    let store = match &plan.build {
        Some(build) => Store::of_target(&build.target_directory),
        None => Store::find(context, &options.selection)?,
    };
    let unfinished = store.create()?;
    let mut programs = keep(&unfinished, &plan, options)?;
    let mut setup = Setup {
        event: choice.event_for(&choice.recorder, &machine),
        frequency: choice.frequency,
        call_graph: choice.call_graph,
        stack_bytes: options.stack_bytes,
        whole_cpus: choice.sees_whole_cpus(choice.recorder),
        data: unfinished.data(),
        command: command(&plan, options),
        mlock_kb: machine.mlock_kb,
        root: machine.root,
    };
    let mut recorder = choice.recorder;
    let mut degradations = choice.degradations(&machine);

    say_begin(console, &plan, options, recorder, &setup);
    let mut outcome = loop {
        match run(context, &plan, options, &machine, recorder, &setup) {
            Ok(outcome) => break outcome,
            // Nothing has run yet, so the other recorder can be tried.
            Err(Failure::Perf(refusal))
                if options.recorder.is_none() && choice.builtin_works(&machine) =>
            {
                recorder = RecorderChoice::Builtin;
                setup.event = choice.event_for(&recorder, &machine);
                setup.whole_cpus = choice.sees_whole_cpus(recorder);
                degradations.push(perf_failed(&refusal));
                console.detail(&format!("perf: {}", refusal.said));
            }
            Err(failure) => return Err(error_of(failure, options, &machine)),
        }
    };
    if !outcome.said.is_empty() {
        console.detail(&outcome.said);
    }
    note_ends(&mut programs, options, &outcome);
    check(console, &plan, &programs, &outcome)?;
    let build = plan.build.as_ref();
    let copies = std::mem::take(&mut outcome.elsewhere).keep(&unfinished);
    unfinished.finish(About {
        format: FORMAT,
        recorder: recorder.as_str().into(),
        command: setup.command,
        programs,
        frequency: setup.frequency,
        call_graph: setup.call_graph.as_str().into(),
        build_notes: build
            .map(|build| build.additions.clone())
            .unwrap_or_default(),
        build_profile: build.map(|build| build.profile.clone()),
        directory: Some(context.directory().to_path_buf()),
        whole_cpus: setup.whole_cpus,
        degradations,
        copies,
        account: account(&outcome),
    })
}

/// Says what the first build takes so long for.
pub(super) fn announce(console: &mut Console, additions: &[String]) {
    let text = format!(
        "all dependencies once, beside your own build, with {}",
        additions.join(", ")
    );
    console.status("Building", &text);
}

/// What the programs used, as the kernel has it.
pub(super) fn account(outcome: &Outcome) -> Option<Account> {
    let used = outcome.used?;
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Some(Account {
        duration_ns: nanoseconds(outcome.duration),
        user_ns: nanoseconds(used.user),
        system_ns: nanoseconds(used.system),
        event_count: outcome.event_count,
        queued_ns: used.queued.map(nanoseconds),
        waits: used.queued.map(|_| used.voluntary),
    })
}

/// The options with the number of a process that is there. `top -H`, `htop` and `ps -L` show the
/// numbers of threads: of such a one its process is recorded.
fn of_process(options: &RecordOptions, console: &mut Console) -> Result<RecordOptions> {
    let mut options = options.clone();
    let What::Process(number) = options.what else {
        return Ok(options);
    };
    if !system::exists(number) {
        return Err(Error::failed(
            format_args!("there is no process {number}"),
            "look its number up: `pgrep -l NAME`",
        ));
    }
    let process = system::process_of(number).unwrap_or(number);
    if process != number {
        let message = format!(
            "{number} is a thread of process {process}; all threads of the process are recorded"
        );
        let help = format!("`cargo hotspots threads` shows thread {number} on a line of its own");
        console.warning(&Warning::new("thread-of-process", message).help(help));
        options.what = What::Process(process);
    }
    Ok(options)
}

/// Writes down how each program ended.
pub(super) fn note_ends(programs: &mut [Program], options: &RecordOptions, outcome: &Outcome) {
    for (program, end) in programs.iter_mut().zip(&outcome.ends) {
        program.exit_code = end.code;
        program.signal = end.signal;
        program.traffic = end.traffic;
        program.interrupted = outcome.is_cut_short();
    }
    if let What::Process(_) = options.what {
        programs
            .iter_mut()
            .for_each(|program| program.interrupted = outcome.is_cut_short());
    }
}

/// Keeps copies of the programs, because the next build replaces them.
pub(super) fn keep(
    unfinished: &Unfinished,
    plan: &Plan,
    options: &RecordOptions,
) -> Result<Vec<Program>> {
    if let What::Process(pid) = options.what {
        // The link leads to the file that runs, even when it was deleted or replaced.
        let link = PathBuf::from(format!("/proc/{pid}/exe"));
        let mut program = Program::default();
        if let Ok(path) = fs::read_link(&link) {
            let name = path.to_string_lossy();
            program.path = name.strip_suffix(" (deleted)").unwrap_or(&name).into();
            program.copy = unfinished.keep(0, &link, &program.path).ok();
        }
        return Ok(vec![program]);
    }
    let kept = plan.jobs.iter().enumerate().map(|(index, job)| {
        let mut program = job.program.clone();
        program.copy = Some(unfinished.keep(index, &program.path, &program.path)?);
        Ok(program)
    });
    kept.collect()
}

pub(super) fn command(plan: &Plan, options: &RecordOptions) -> Vec<String> {
    match (&options.what, plan.jobs.first()) {
        (What::Process(pid), _) => vec!["--pid".into(), pid.to_string()],
        (_, Some(job)) => job.words(),
        _ => Vec::new(),
    }
}

fn run(
    context: &Context,
    plan: &Plan,
    options: &RecordOptions,
    machine: &Machine,
    recorder: RecorderChoice,
    setup: &Setup,
) -> Result<Outcome, Failure> {
    let recorder = match (recorder, &machine.perf) {
        (RecorderChoice::Perf, Some(perf)) => Recorder::Perf(perf),
        _ => Recorder::Builtin,
    };
    match options.what {
        What::Process(pid) => session::attach(pid, &recorder, setup, options.duration),
        _ => session::run(context, &plan.jobs, &recorder, setup, options),
    }
}

/// What is not recorded though it is a target of the kind that was asked for, and how what is recorded
/// is started in another way than by cargo.
fn say_left_out(console: &mut Console, plan: &Plan) {
    say_runner(console, plan);
    for left in plan.build.iter().flat_map(|build| &build.left_out) {
        let features = left.required_features.join(",");
        let message = format!(
            "`{}` requires features that are not active: {features}",
            left.name
        );
        let help = format!("record it too: `--features {features}`");
        console.warning(&Warning::new("left-out", message).help(help));
    }
    for name in &plan.under_valgrind {
        let message = format!("`{name}` runs its benchmarks under valgrind, and is left out");
        let help = "record a program that calls the same code: `--example`, `--bin`";
        console.warning(&Warning::new("left-out", message).help(help));
    }
}

/// What cargo would start the programs by: it is not run, because it would be recorded with them, and
/// an emulator in their place.
pub(super) fn say_runner(console: &mut Console, plan: &Plan) {
    let build = plan.build.as_ref();
    let Some((runner, job)) = build
        .and_then(|build| build.runner.as_ref())
        .zip(plan.jobs.first())
    else {
        return;
    };
    let words = runner.words.join(" ");
    let message = format!(
        "programs are started without `{words}`, by which cargo runs them: `{} = \"{words}\"`",
        runner.key
    );
    let help = format!(
        "what it sets up must be there already; to record both: `--exec {} -- {} {}`",
        runner.words.first().map_or("", String::as_str),
        runner.words.get(1..).unwrap_or_default().join(" "),
        job.path.display()
    );
    let help = help.replace("--  ", "-- ");
    console.warning(&Warning::new("without-runner", message).help(help));
}

fn say_begin(
    console: &mut Console,
    plan: &Plan,
    options: &RecordOptions,
    recorder: RecorderChoice,
    setup: &Setup,
) {
    let what = match options.what {
        What::Process(pid) => match options.duration {
            Some(duration) => format!("process {pid} for {}", Time(duration)),
            None => format!("process {pid}; end with Ctrl-C"),
        },
        _ => {
            let words = plan
                .jobs
                .iter()
                .map(|job| format!("`{}`", job.words().join(" ")));
            words.collect::<Vec<_>>().join(", ")
        }
    };
    let when = match setup.event.as_str() {
        WAITING => "each wait".to_owned(),
        event => format!("{event} at {} Hz", setup.frequency),
    };
    let how = format!(
        "{what} ({}, {when}, stacks: {})",
        recorder.as_str(),
        setup.call_graph.as_str()
    );
    console.status("Recording", &how);
}

/// Says how the programs ended; an error when there is nothing to report.
fn check(
    console: &mut Console,
    plan: &Plan,
    programs: &[Program],
    outcome: &Outcome,
) -> Result<()> {
    let failed = |program: &Program| {
        !outcome.is_cut_short()
            && (program.exit_code.is_some_and(|code| code != 0) || program.signal.is_some())
    };
    let nothing = outcome
        .counts
        .map_or(outcome.duration < AT_ONCE, |counts| counts.samples < FEW);
    if nothing
        && let [program] = programs
        && let Some(job) = plan.jobs.first()
        && failed(program)
    {
        return Err(Error::failed(
            format_args!(
                "{} at once, before it could be sampled",
                how_it_ended(program, job)
            ),
            "see what it says above; its own arguments go after `--`",
        ));
    }
    say_ends(console, &plan.jobs, programs, outcome);
    if console.verbosity() == Verbosity::Verbose
        && let Some(counts) = outcome.counts
    {
        console.detail(&format!(
            "{} samples, {} lost, {} KiB for each CPU, emptied {} times",
            counts.samples,
            counts.lost,
            counts.buffer / 1024,
            counts.rounds
        ));
    }
    Ok(())
}

/// Says which programs failed, and whether the user ended them.
pub(super) fn say_ends(
    console: &mut Console,
    jobs: &[Job],
    programs: &[Program],
    outcome: &Outcome,
) {
    for (program, job) in programs.iter().zip(jobs) {
        let failed = program.exit_code.is_some_and(|code| code != 0) || program.signal.is_some();
        if failed && !outcome.is_cut_short() {
            let text = format!(
                "{}; what it did until then is in the recording",
                how_it_ended(program, job)
            );
            let help = "see what it said above; arguments for it go after `--`";
            console.warning(&Warning::new("program-failed", text).help(help));
        }
    }
    if outcome.interrupted {
        console.status("Interrupted", "what was recorded until now is reported");
    }
}

fn how_it_ended(program: &Program, job: &Job) -> String {
    let how = match (program.exit_code, program.signal) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "ended".into(),
    };
    format!("`{}` {how}", job.words().join(" "))
}

fn perf_failed(refusal: &perf::Refusal) -> Degradation {
    let first = refusal.said.lines().find(|line| !line.trim().is_empty());
    Degradation {
        code: "perf-failed".into(),
        what: format!(
            "perf could not record ({}), so the built-in recorder did",
            first.unwrap_or("it said nothing").trim()
        ),
        remedy: match refusal.reason {
            perf::Reason::Option => "use perf 5.10 or newer".into(),
            perf::Reason::Memory => "sudo sysctl kernel.perf_event_mlock_kb=2048".into(),
            _ => "see what `perf record` says by itself, or choose --recorder builtin".into(),
        },
    }
}
