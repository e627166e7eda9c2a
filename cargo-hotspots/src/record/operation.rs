//! What one operation allocates and executes: a benchmark's one iteration, or a whole program.
//!
//! A harness in test mode runs one iteration. Of its allocations those belong to the benchmark
//! whose stack has the harness's `Bencher::iter` or the like in it; so set-up and the harness do not
//! count. Instructions are those that the harness times ([`simulation`]). Both counts are the same in
//! each run but for what the program itself leaves to chance, as the keys of hash maps.
//!
//! divan allocates within its `Bencher::bench` itself, and measures there what measuring costs: 88
//! million instructions around those of the benchmark. It can be told how many iterations to run,
//! so a run of one and a run of more are compared, stack by stack: what is once in both is divan's.

mod simulation;

use super::alloc::{image, library, preload};
use super::options::CallGraphChoice;
use crate::allocations::Totals;
use crate::gate::{process, stop};
use crate::work::{Operation, Runs, Scope};
use codecost::{
    Result,
    address::FileOffset,
    cargo::{Context, Selection, Toolchain},
    image::{Image, Mapping},
    units::Time,
};
use std::{
    collections::BTreeMap,
    fmt, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Counts what an operation allocates, in blocks and bytes, or says why it cannot.
pub(super) fn allocations(
    context: &Context,
    runs: &Runs,
) -> std::result::Result<Operation, String> {
    let program = PathBuf::from(runs.command.get_program());
    match super::alloc::seen::check(&program) {
        Ok(None) => {}
        Ok(Some(unseen)) => return Err(unseen.why().to_owned()),
        Err(error) => return Err(in_words(&error)),
    }
    let toolchain =
        Toolchain::load(context, &Selection::default()).map_err(|error| in_words(&error))?;
    let library =
        library::library(context, &toolchain, &mut || ()).map_err(|error| in_words(&error))?;
    let ranges = match runs.scope {
        Scope::Process => Vec::new(),
        Scope::Benchmark => benchers(&program).map_err(|error| in_words(&error))?,
    };
    if runs.scope == Scope::Benchmark && ranges.is_empty() {
        return Err("its harness has no function that runs a benchmark".into());
    }
    let count = |command: &Command| -> std::result::Result<Sites, String> {
        let counted = recorded(context, command, &library, runs)?;
        Ok(match runs.scope {
            Scope::Process => Sites::of_all(&counted.totals),
            Scope::Benchmark => Sites::within(&counted, &program, &ranges),
        })
    };
    let once = count(&runs.command)?;
    let Some((command, iterations)) = &runs.more else {
        return Ok(once.sum());
    };
    Ok(count(command)?.beyond(&once, *iterations))
}

/// An error with its cause.
fn in_words(error: &codecost::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What a run of `command` allocates, by the stacks that do.
fn recorded(
    context: &Context,
    command: &Command,
    library: &Path,
    runs: &Runs,
) -> std::result::Result<image::Counted, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("allocations");
    image::create(&file).map_err(|error| in_words(&error))?;
    let (stacks, exact) = match runs.scope {
        Scope::Process => (CallGraphChoice::None, false),
        Scope::Benchmark => (CallGraphChoice::Dwarf, true),
    };
    let mut again = copy(command);
    let interval = exact.then_some(0);
    again.envs(preload::variables(
        context,
        Some(library),
        &file,
        interval,
        false,
        stacks,
    ));
    ran(again, runs).map_err(|why| why.to_string())?;
    image::read(&file)
        .map_err(|error| in_words(&error))?
        .ok_or_else(|| "the recorder was not loaded into it".into())
}

/// Blocks and bytes by where they are allocated: the return addresses within the program's file,
/// which are the same in each run of it.
#[derive(Debug, Default)]
struct Sites(BTreeMap<Vec<u64>, Operation>);

impl Sites {
    fn of_all(totals: &Totals) -> Self {
        let all = Operation {
            allocations: totals.allocations,
            reallocations: totals.reallocations,
            bytes: totals.bytes,
        };
        Self(BTreeMap::from([(Vec::new(), all)]))
    }

    /// Those with a frame in one of the ranges of the program's file.
    fn within(counted: &image::Counted, program: &Path, ranges: &[Range<u64>]) -> Self {
        let places = Places::new(program, &counted.maps);
        let mut sites = Self::default();
        for (frames, counts, _) in &counted.stacks {
            // Of a call, not of what comes after it.
            let frames = frames.iter().map(|address| address.saturating_sub(1));
            let site: Vec<u64> = frames.filter_map(|frame| places.offset(frame)).collect();
            let is_inside = |place: &u64| ranges.iter().any(|range| range.contains(place));
            if site.iter().any(is_inside) {
                let own = sites.0.entry(site).or_default();
                own.allocations += counts.allocations / crate::allocations::PARTS;
                own.reallocations += counts.reallocations / crate::allocations::PARTS;
                own.bytes = own.bytes.saturating_add(counts.bytes);
            }
        }
        sites
    }

    fn sum(&self) -> Operation {
        let mut sum = Operation::default();
        for own in self.0.values() {
            sum.allocations += own.allocations;
            sum.reallocations += own.reallocations;
            sum.bytes = sum.bytes.saturating_add(own.bytes);
        }
        sum
    }

    /// What one of so many iterations allocates that only this run has. A site that allocates as
    /// often in both is not the operation's, however large its blocks are: a harness's buffer has
    /// room for all iterations.
    fn beyond(&self, once: &Self, iterations: u64) -> Operation {
        let mut sum = Operation::default();
        for (site, own) in &self.0 {
            let before = once.0.get(site).copied().unwrap_or_default();
            let made = own.allocations.saturating_sub(before.allocations);
            let grown = own.reallocations.saturating_sub(before.reallocations);
            if made > 0 || grown > 0 {
                sum.allocations += made;
                sum.reallocations += grown;
                sum.bytes += own.bytes.saturating_sub(before.bytes);
            }
        }
        Operation {
            allocations: rounded(sum.allocations, iterations),
            reallocations: rounded(sum.reallocations, iterations),
            bytes: rounded(sum.bytes, iterations),
        }
    }
}

/// To the nearest whole.
fn rounded(sum: u64, parts: u64) -> u64 {
    let parts = parts.max(1);
    sum.saturating_add(parts / 2) / parts
}

/// Counts the instructions of an operation with valgrind, or says why it cannot.
pub(super) fn instructions(runs: &Runs) -> std::result::Result<u64, String> {
    if let Some((command, clock)) = &runs.timed {
        return simulation::operation(command, *clock, runs);
    }
    // Only divan, whose functions are `Bencher::bench` and kin, is asked for more iterations.
    let function = (runs.scope == Scope::Benchmark).then_some("*Bencher*bench*");
    let once = simulation::total(&runs.command, runs, function)?;
    let Some((command, iterations)) = &runs.more else {
        return Ok(once);
    };
    let more = simulation::total(command, runs, function)?;
    match more.checked_sub(once).filter(|more| *more > 0) {
        Some(more) => Ok(rounded(more, *iterations).max(1)),
        None => Err("more iterations took no more instructions".into()),
    }
}

/// The functions of a harness that run a benchmark's code, as ranges of the file.
fn benchers(program: &Path) -> Result<Vec<Range<u64>>> {
    let file = Mapping::open(program)?;
    let image = Image::parse(program, &file)?;
    let table = image.symbols();
    let found = table
        .symbols
        .iter()
        .filter(|symbol| symbol.size > 0 && runs_benchmark(&symbol.name))
        .map(|symbol| symbol.address.0..symbol.address.0 + symbol.size);
    // Addresses in memory to offsets in the file, as the maps have them.
    let segments: Vec<_> = image.segments.iter().filter(|it| it.loaded).collect();
    let ranges = found.filter_map(|range| {
        let segment = segments.iter().find(|segment| {
            let end = segment.address.0.saturating_add(segment.memory);
            (segment.address.0..end).contains(&range.start)
        })?;
        let offset = range.start - segment.address.0 + segment.file.start.0;
        Some(offset..offset + (range.end - range.start))
    });
    Ok(ranges.collect())
}

/// `criterion::bencher::Bencher::iter`, `divan::bench::Bencher::bench`, `test::bench::Bencher::iter`
/// and their kin, by either mangling.
fn runs_benchmark(symbol: &str) -> bool {
    let Some((_, method)) = symbol.split_once("Bencher") else {
        return false;
    };
    method.contains("4iter") || method.contains("iter_") || method.contains("bench")
}

/// Where the code of the program is mapped.
struct Places(Vec<(Range<u64>, FileOffset)>);

impl Places {
    fn new(program: &Path, maps: &str) -> Self {
        let own = fs::canonicalize(program).unwrap_or_else(|_| program.to_path_buf());
        let own = own.to_string_lossy();
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let lines = maps.lines().filter(|line| line.ends_with(&*own));
        let parsed = lines.filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let offset = words.nth(1)?;
            Some((hex(start)?..hex(end)?, FileOffset(hex(offset)?)))
        });
        Self(parsed.collect())
    }

    fn offset(&self, address: u64) -> Option<u64> {
        let (range, offset) = self.0.iter().find(|(range, _)| range.contains(&address))?;
        (address - range.start).checked_add(offset.0)
    }
}

/// The same command once more.
fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    with_surroundings(&mut copy, command);
    copy
}

fn with_surroundings(copy: &mut Command, command: &Command) {
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        copy.current_dir(directory);
    }
}

/// Why there is no end to count at.
#[derive(Debug)]
enum NotRun {
    /// The program is not there.
    Missing,
    /// It failed: how, in words.
    Failed(String),
    /// It did not end.
    Hung(Duration),
    /// The user stopped it.
    Stopped,
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::Failed(how) => write!(f, "it ends with {how}"),
            Self::Hung(limit) => write!(f, "it did not end within {}", Time(*limit)),
            Self::Stopped => f.write_str("it was stopped"),
        }
    }
}

/// Runs it to its end, which has to be a good one, and to come in time. Nothing here is timed, so it
/// can be asked again and again whether it has ended.
fn ran(mut command: Command, runs: &Runs) -> std::result::Result<(), NotRun> {
    const STEP: Duration = Duration::from_millis(10);
    let input = runs.scope.input().next();
    let quiet = command
        .stdin(input.map_err(|error| NotRun::Failed(error.to_string()))?)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    process::group_of_its_own(quiet);
    let start = Instant::now();
    let mut child = quiet.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NotRun::Missing,
        _ => NotRun::Failed(error.to_string()),
    })?;
    loop {
        let ended = child.try_wait();
        match ended.map_err(|error| NotRun::Failed(error.to_string()))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(NotRun::Failed(status.to_string())),
            None => {}
        }
        let why = match stop::is_wanted() {
            true => NotRun::Stopped,
            false if start.elapsed() > runs.patience => NotRun::Hung(runs.patience),
            false => {
                thread::sleep(STEP);
                continue;
            }
        };
        process::end(child.id());
        // Killed, it leaves nothing but its status.
        let _ = child.wait();
        return Err(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harnesses_are_known_in_both_manglings() {
        for (symbol, runs) in [
            (
                "_RINvMs1_NtCs1_9criterion7bencherNtB6_7Bencher4iterNCNvCs2_1b3runE",
                true,
            ),
            (
                "_ZN9criterion7bencher16Bencher$LT$M$GT$4iter17h0123456789abcdefE",
                true,
            ),
            (
                "_ZN9criterion7bencher16Bencher$LT$M$GT$12iter_batched17h0123456789abcdefE",
                true,
            ),
            (
                "_ZN5divan5bench19Bencher$LT$C$GT$5bench17h0123456789abcdefE",
                true,
            ),
            ("_ZN4test5bench7Bencher4iter17h0123456789abcdefE", true),
            ("_ZN4mine4iter17h0123456789abcdefE", false),
        ] {
            assert_eq!(runs_benchmark(symbol), runs, "{symbol}");
        }
    }

    #[test]
    fn maps_say_where_in_the_file() {
        let maps = "55d0c000-55d0e000 r-xp 00002000 fe:00 1 /no/such/program\n\
                    7f00-7f10 r-xp 00000000 fe:00 2 /lib/other\n";
        let places = Places::new(Path::new("/no/such/program"), maps);
        assert_eq!(places.offset(0x55d0_c010), Some(0x2010));
        assert_eq!(places.offset(0x7f05), None);
    }

    /// A harness's buffer is allocated once, with room for all iterations; an operation of two
    /// blocks and 24 bytes is run three times more.
    #[test]
    fn what_a_run_of_more_iterations_has_as_often_is_the_harness_s_own() {
        let sites = |all: &[(u64, u64, u64)]| {
            let of = |(site, allocations, bytes): &(u64, u64, u64)| {
                let own = Operation {
                    allocations: *allocations,
                    reallocations: 0,
                    bytes: *bytes,
                };
                (vec![*site], own)
            };
            Sites(all.iter().map(of).collect())
        };
        let once = sites(&[(1, 1, 64), (2, 1, 16), (3, 1, 8)]);
        let more = sites(&[(1, 1, 256), (2, 4, 64), (3, 4, 32)]);
        let operation = more.beyond(&once, 3);
        assert_eq!((operation.allocations, operation.bytes), (2, 24));
        let none = sites(&[(1, 1, 256)]).beyond(&once, 3);
        assert_eq!((none.allocations, none.bytes), (0, 0));
        assert_eq!((once.sum().allocations, once.sum().bytes), (3, 88));
    }

    fn runs(program: &str, patience: Duration) -> Runs {
        Runs {
            scope: Scope::Process,
            command: Command::new(program),
            more: None,
            timed: None,
            patience,
        }
    }

    #[test]
    fn why_there_are_no_instructions_is_said() {
        let long = Duration::from_secs(60);
        let error = instructions(&runs("false", long)).unwrap_err();
        assert!(error.contains("exit status: 1"), "{error}");
        let missing = ran(Command::new("/nonexistent"), &runs("/nonexistent", long));
        assert!(matches!(missing, Err(NotRun::Missing)));
    }

    #[test]
    fn what_hangs_is_ended_and_said() {
        let mut runs = runs("sh", Duration::from_millis(200));
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & sleep 600"]);
        let failure = ran(command, &runs).unwrap_err();
        assert!(matches!(failure, NotRun::Hung(_)), "{failure:?}");
        runs.command.args(["-c", "sleep 600"]);
        let error = instructions(&runs).unwrap_err();
        assert!(error.contains("did not end within 200"), "{error}");
    }
}
