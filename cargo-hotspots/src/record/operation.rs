//! What one operation allocates and executes: a benchmark's one iteration, or a whole program.
//!
//! A harness in test mode runs one iteration. Of its allocations those belong to the benchmark
//! whose stack has the harness's `Bencher::iter` or the like in it; so set-up and the harness do not
//! count. callgrind collects instructions in the same functions only. Both counts are the same in
//! each run but for what the program itself leaves to chance, as the keys of hash maps.

use super::alloc::{image, library, preload};
use super::options::CallGraphChoice;
use crate::work::{Operation, Scope};
use codecost::{
    Result,
    address::FileOffset,
    cargo::{Context, Selection, Toolchain},
    image::{Image, Mapping},
};
use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Counts what `command` allocates, in blocks and bytes; `None` when it cannot be seen.
pub(super) fn allocations(
    context: &Context,
    command: &Command,
    scope: Scope,
) -> Result<Option<Operation>> {
    let program = PathBuf::from(command.get_program());
    if super::alloc::seen::check(&program).is_err() {
        return Ok(None);
    }
    let toolchain = Toolchain::load(context, &Selection::default())?;
    let library = library::library(context, &toolchain, &mut || ())?;
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
        context, &library, &file, interval, false, stacks,
    ));
    if !ran(again) {
        return Ok(None);
    }
    let Some(counted) = image::read(&file)? else {
        return Ok(None);
    };
    if scope == Scope::Process {
        let totals = counted.totals;
        return Ok(Some(Operation {
            allocations: totals.allocations.saturating_add(totals.reallocations),
            bytes: totals.bytes,
        }));
    }
    let ranges = benchers(&program)?;
    let places = Places::new(&program, &counted.maps);
    let is_inside = |frames: &[u64]| {
        frames.iter().any(|address| {
            // Of a call, not of what comes after it.
            let place = places.offset(address.saturating_sub(1));
            place.is_some_and(|place| ranges.iter().any(|range| range.contains(&place)))
        })
    };
    if ranges.is_empty() {
        return Ok(None);
    }
    let mut operation = Operation::default();
    for (frames, counts, _) in &counted.stacks {
        if is_inside(frames) {
            let blocks = counts.allocations.saturating_add(counts.reallocations);
            operation.allocations += blocks / crate::allocations::PARTS;
            operation.bytes = operation.bytes.saturating_add(counts.bytes);
        }
    }
    Ok(Some(operation))
}

/// Counts the instructions of `command` with valgrind; `None` where there is none, or it fails.
pub(super) fn instructions(command: &Command, scope: Scope) -> Option<u64> {
    let directory = tempfile::tempdir().ok()?;
    let file = directory.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    if scope == Scope::Benchmark {
        valgrind.args([
            "--toggle-collect=*Bencher*iter*",
            "--toggle-collect=*Bencher*bench*",
        ]);
    }
    valgrind.arg(command.get_program()).args(command.get_args());
    with_surroundings(&mut valgrind, command);
    if !ran(valgrind) {
        return None;
    }
    let text = fs::read_to_string(file).ok()?;
    let sum = text.lines().find_map(|line| {
        line.strip_prefix("totals:")
            .or_else(|| line.strip_prefix("summary:"))
    })?;
    sum.split_whitespace()
        .next()?
        .parse()
        .ok()
        .filter(|sum| *sum > 0)
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

/// Whether it ended well.
fn ran(mut command: Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
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
}
