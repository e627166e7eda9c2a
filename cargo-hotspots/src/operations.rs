//! What one operation of each benchmark costs, for the commands that say it.

use crate::{
    gate::{
        compare::{self, Current},
        harness::Throughput,
        prepare, stop, work,
    },
    gating::{self, ConsoleTalk},
    record::{RecordOptions, What},
    summary::Benchmark,
    work::ProgramInput,
};
use codecost::{
    Error, Result,
    cargo::{Context, TargetChoice},
    console::Console,
    stdin::Stdin,
};

/// What an operation of each benchmark costs; none where nothing of it is a benchmark.
pub(crate) fn measure(
    current: &Current,
    not_measured: &mut Vec<String>,
    console: &mut Console,
) -> Result<Vec<Benchmark>> {
    let context = Context::current()?;
    stop::watch();
    let mut talk = ConsoleTalk::new(console, "");
    let (sides, ..) = compare::current_side(&context, current, &mut talk)?;
    let scratch =
        tempfile::tempdir().map_err(|source| Error::write(std::env::temp_dir(), source))?;
    let home = scratch.path().join("h");
    let mut benchmarks = Vec::new();
    for side in sides
        .iter()
        .filter(|side| side.program.harness.has_benchmarks())
    {
        let measured = prepare::measure_once(&context, side, &home, &stop::is_wanted, &mut talk)?;
        for (id, result) in measured {
            let time = result.as_ref().ok().map(|measured| measured.minimum);
            let work = work::count(&context, &side.program, &id, time)?;
            let mut benchmark = Benchmark {
                name: id,
                target: side.target.clone(),
                allocations: work.operation.map(|it| it.allocations),
                reallocations: work.operation.map(|it| it.reallocations),
                bytes: work.operation.map(|it| it.bytes),
                instructions: work.instructions,
                ..Benchmark::default()
            };
            match result {
                Ok(measured) => {
                    benchmark.minimum_ns = Some(measured.minimum);
                    benchmark.p50_ns = Some(measured.median);
                    benchmark.p90_ns = measured.p90;
                    benchmark.throughput = measured.throughput.map(|work| match work {
                        Throughput::Bytes(work) => (work * 1e9 / measured.median, "bytes"),
                        Throughput::Elements(work) => (work * 1e9 / measured.median, "elements"),
                    });
                }
                Err(failure) => not_measured.push(format!("`{}`: it {failure}", benchmark.name)),
            }
            benchmarks.push(benchmark);
        }
    }
    Ok(benchmarks)
}

/// What each of several runs of the target reads; benchmarks read nothing.
pub(crate) fn input(current: &Current, console: &mut Console) -> Result<ProgramInput> {
    if let TargetChoice::Bench(_) = current.selection.target {
        return Ok(ProgramInput::Null);
    }
    gating::say_empty(Stdin::shared()?, console);
    Ok(ProgramInput::Repeated)
}

/// How to record, or count, what would be compared.
pub(crate) fn options(current: &Current) -> RecordOptions {
    RecordOptions {
        what: match &current.program {
            Some(path) => What::Program(path.clone()),
            None => What::Target,
        },
        arguments: current.arguments.clone(),
        selection: current.selection.clone(),
        ..RecordOptions::default()
    }
}
