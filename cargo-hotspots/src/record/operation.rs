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
use crate::work::{Operation, Runs, Scope};
use codecost::{
    Result,
    address::FileOffset,
    cargo::{Context, Selection, Toolchain},
    image::{Image, Mapping},
};
use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Counts what an operation allocates, in blocks and bytes; `None` when it cannot be seen.
pub(super) fn allocations(context: &Context, runs: &Runs) -> Result<Option<Operation>> {
    let program = PathBuf::from(runs.command.get_program());
    if !matches!(super::alloc::seen::check(&program), Ok(None)) {
        return Ok(None);
    }
    let toolchain = Toolchain::load(context, &Selection::default())?;
    let library = library::library(context, &toolchain, &mut || ())?;
    let ranges = match runs.scope {
        Scope::Process => Vec::new(),
        Scope::Benchmark => benchers(&program)?,
    };
    if runs.scope == Scope::Benchmark && ranges.is_empty() {
        return Ok(None);
    }
    let count = |command: &Command| -> Result<Option<Sites>> {
        let Some(counted) = recorded(context, command, &library, runs.scope)? else {
            return Ok(None);
        };
        Ok(Some(match runs.scope {
            Scope::Process => Sites::of_all(&counted.totals),
            Scope::Benchmark => Sites::within(&counted, &program, &ranges),
        }))
    };
    let Some(once) = count(&runs.command)? else {
        return Ok(None);
    };
    let Some((command, iterations)) = &runs.more else {
        return Ok(Some(once.sum()));
    };
    let more = count(command)?;
    Ok(more.map(|more| more.beyond(&once, *iterations)))
}

/// What a run of `command` allocates, by the stacks that do.
fn recorded(
    context: &Context,
    command: &Command,
    library: &Path,
    scope: Scope,
) -> Result<Option<image::Counted>> {
    let directory = tempfile::tempdir()
        .map_err(|source| codecost::Error::write(std::env::temp_dir(), source))?;
    let file = directory.path().join("allocations");
    image::create(&file)?;
    let (stacks, exact) = match scope {
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
    match ran(again, scope) {
        Ok(()) => image::read(&file),
        Err(_) => Ok(None),
    }
}

/// Blocks and bytes by where they are allocated: the return addresses within the program's file,
/// which are the same in each run of it.
#[derive(Debug, Default)]
struct Sites(BTreeMap<Vec<u64>, Operation>);

impl Sites {
    fn of_all(totals: &Totals) -> Self {
        let all = Operation {
            allocations: totals.allocations.saturating_add(totals.reallocations),
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
                let blocks = counts.allocations.saturating_add(counts.reallocations);
                let own = sites.0.entry(site).or_default();
                own.allocations += blocks / crate::allocations::PARTS;
                own.bytes = own.bytes.saturating_add(counts.bytes);
            }
        }
        sites
    }

    fn sum(&self) -> Operation {
        let mut sum = Operation::default();
        for own in self.0.values() {
            sum.allocations += own.allocations;
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
            let blocks = own.allocations.saturating_sub(before.allocations);
            if blocks > 0 {
                sum.allocations += blocks;
                sum.bytes += own.bytes.saturating_sub(before.bytes);
            }
        }
        Operation {
            allocations: rounded(sum.allocations, iterations),
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
        return simulation::operation(command, *clock);
    }
    // Only divan, whose functions are `Bencher::bench` and kin, is asked for more iterations.
    let function = (runs.scope == Scope::Benchmark).then_some("*Bencher*bench*");
    let once = simulation::total(&runs.command, runs.scope, function)?;
    let Some((command, iterations)) = &runs.more else {
        return Ok(once);
    };
    let more = simulation::total(command, runs.scope, function)?;
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
enum NotRun {
    /// The program is not there.
    Missing,
    /// It failed: how, in words.
    Failed(String),
}

/// Runs it to its end, which has to be a good one.
fn ran(mut command: Command, scope: Scope) -> std::result::Result<(), NotRun> {
    let input = scope.input().next();
    let quiet = command
        .stdin(input.map_err(|error| NotRun::Failed(error.to_string()))?)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match quiet.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(NotRun::Failed(status.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(NotRun::Missing),
        Err(error) => Err(NotRun::Failed(error.to_string())),
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

    #[test]
    fn why_there_are_no_instructions_is_said() {
        let runs = |program: &str| Runs {
            scope: Scope::Process,
            command: Command::new(program),
            more: None,
            timed: None,
        };
        let error = instructions(&runs("false")).unwrap_err();
        assert!(error.contains("exit status: 1"), "{error}");
        let missing = ran(Command::new("/nonexistent"), Scope::Process);
        assert!(matches!(missing, Err(NotRun::Missing)));
    }
}
