//! From what the user asked for to a recording, read and named.

mod harness;
mod kept;
mod packed;
mod shown;

pub use shown::Shown;

use crate::{
    analysis::{Subject, asm::SourceRoots, model::Facts},
    export::Symbolized,
    input, perf_data,
    profile::{Module, ModuleKind, Profile, WAITING},
    record::{self, RecordOptions},
    recording::{
        Program, Recording,
        sources::{self, Sources},
    },
    symbolize,
    symbols::Symbols,
};
use codecost::{
    Error, Result,
    attribution::{Catalogue, Surroundings},
    cargo::{Context, Selection, Toolchain, Workspace, config},
    console::Console,
    error::exit_code,
    front::quoted,
    image::{Image, Mapping},
};
use std::{
    collections::BTreeMap,
    io,
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread,
};
use tempfile::NamedTempFile;

/// Which recording is asked for, and whether one of poor quality is a failure.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it comes from.
    pub source: Source,
    /// Which of its samples are shown.
    pub shown: Shown,
    /// Whether poor quality is a failure.
    pub strict: bool,
}

/// Where a recording comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A recording that exists, and the event of it that is shown; `-` for standard input.
    Input(PathBuf, Option<String>),
    /// The latest one of this workspace.
    Latest(Box<Selection>),
    /// The latest one of allocations.
    LatestOfAllocations(Box<Selection>),
    /// It is made now.
    Record(Box<RecordOptions>),
}

impl Request {
    /// Finds or makes the recording, and reads it.
    ///
    /// # Errors
    ///
    /// It cannot be made, found or read.
    pub fn open(&self, console: &mut Console) -> Result<Opened> {
        self.read(false, console)
    }

    /// As [`Request::open`], with each single sample kept.
    ///
    /// # Errors
    ///
    /// As [`Request::open`].
    pub fn open_with_timeline(&self, console: &mut Console) -> Result<Opened> {
        self.read(true, console)
    }

    fn read(&self, timeline: bool, console: &mut Console) -> Result<Opened> {
        let mut piped = None;
        let mut event = None;
        let (recording, input_flag) = match &self.source {
            Source::Input(path, of) if path.as_os_str() == "-" => {
                event = of.as_deref();
                let file = piped.insert(standard_input()?);
                // What came through a pipe is gone: a next step needs a file.
                (record::open(file.path())?, " --input FILE".to_owned())
            }
            Source::Input(path, of) => {
                let mut flag = format!(" --input {}", quoted(&path.display().to_string()));
                event = of.as_deref();
                if let Some(event) = event {
                    flag.push_str(&format!(" --event {}", quoted(event)));
                }
                (record::open(&header_file(path))?, flag)
            }
            Source::Latest(selection) => (record::latest(selection)?, String::new()),
            Source::LatestOfAllocations(selection) => {
                let latest = record::latest_of_allocations(selection)?;
                let nothing = || {
                    Error::failed(
                        "there is no recording of allocations yet",
                        "make one: `cargo hotspots alloc --bin NAME -- ARGS`",
                    )
                };
                (latest.ok_or_else(nothing)?, String::new())
            }
            Source::Record(options) => (made(options, console)?, String::new()),
        };
        let input_flag = input_flag + &self.shown.flags();
        let progress = console.progress("reading the recording", None);
        let reading = Reading {
            timeline,
            event,
            shown: &self.shown,
        };
        let opened = Opened::read_as(recording, input_flag, &reading);
        drop(progress);
        let mut opened = opened?;
        if piped.is_some() {
            // The copy goes now, and its name means nothing to anyone.
            opened.recording.data = PathBuf::from("-");
        }
        drop(piped);
        if let Source::Record(_) = self.source {
            opened.keep_sources(console);
        }
        Ok(opened)
    }

    /// The latest recording of time of the command whose allocations were opened, where one is kept; one
    /// that cannot be read is none.
    pub fn time_of_same(&self, opened: &Opened) -> Option<Opened> {
        let selection = match &self.source {
            Source::Record(options) => options.selection.clone(),
            Source::Latest(selection) | Source::LatestOfAllocations(selection) => {
                (**selection).clone()
            }
            Source::Input(..) => {
                opened.recording.number()?;
                Selection::default()
            }
        };
        let command = &opened.recording.about.as_ref()?.command;
        let time = record::latest_of_time(&selection, command).ok().flatten()?;
        let opened = Opened::read(time, String::new(), false).ok();
        // Where it waits is no time of the processor.
        opened.filter(|opened| opened.profile.event != WAITING)
    }

    /// The exit code after the report: `--strict` refuses a recording of poor quality.
    ///
    /// # Errors
    ///
    /// None so far; a `Result` so that a command can end with it.
    pub fn verdict(&self, facts: &Facts, console: &mut Console) -> Result<u8> {
        let exceeded = facts.exceeded();
        if !self.strict || exceeded.is_empty() {
            return Ok(exit_code::OK);
        }
        console.fail(&Error::failed(
            format_args!("the recording is unreliable: {}", exceeded.join("; ")),
            "see the warnings for what to do about it, or leave out `--strict`",
        ));
        Ok(exit_code::GATE)
    }
}

/// Records, and says where the recording is.
fn made(options: &RecordOptions, console: &mut Console) -> Result<Recording> {
    let made = record::record(options, console)?;
    let kept = made.data.parent().unwrap_or(&made.data);
    console.status("Recorded", &format!("to {}", kept.display()));
    Ok(made)
}

/// Standard input as a file: what is at its end says how to read what comes first.
fn standard_input() -> Result<NamedTempFile> {
    let path = Path::new("-");
    let fail = |error| Error::read(path, error);
    let mut file = tempfile::Builder::new()
        .prefix("cargo-hotspots-")
        .tempfile()
        .map_err(fail)?;
    io::copy(&mut io::stdin().lock(), &mut file).map_err(fail)?;
    Ok(file)
}

/// What of a recording is read.
#[derive(Clone, Copy, Debug)]
struct Reading<'r> {
    /// Whether each single sample is kept.
    timeline: bool,
    /// The event that is shown.
    event: Option<&'r str>,
    shown: &'r Shown,
}

/// A recording, read and named.
#[derive(Debug)]
pub struct Opened {
    /// What is on disk.
    pub recording: Recording,
    /// The samples.
    pub profile: Profile,
    /// The names.
    pub symbols: Symbols,
    /// The flags that open it again and show the same of it, with a space in front (` --input perf.data`);
    /// empty for all of the latest recording.
    pub input_flag: String,
}

impl Opened {
    /// Reads the recording; `timeline` keeps each single sample.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(recording: Recording, input_flag: String, timeline: bool) -> Result<Self> {
        let reading = Reading {
            timeline,
            event: None,
            shown: &Shown::default(),
        };
        Self::read_as(recording, input_flag, &reading)
    }

    fn read_as(recording: Recording, input_flag: String, reading: &Reading<'_>) -> Result<Self> {
        // Single samples are not kept, and only one event is.
        let keeps = !reading.timeline && reading.event.is_none();
        if keeps && let Some((mut profile, symbols)) = kept::read(&recording) {
            choose(&recording, reading.shown, &mut profile, &symbols)?;
            return Ok(Self {
                recording,
                profile,
                symbols,
                input_flag,
            });
        }
        let programs = programs(&recording);
        let substitutes: Vec<(PathBuf, PathBuf)> = programs
            .iter()
            .filter_map(|program| Some((program.path.clone(), program.copy.clone()?)))
            .chain(copies_of(&recording))
            .collect();
        let context = context_of(&recording)?;
        let (mut profile, around) = thread::scope(|scope| {
            let around = scope.spawn(|| Surroundings::look(&context));
            let options = perf_data::Options {
                substitutes: &substitutes,
                timeline: reading.timeline,
                search: true,
                event: reading.event,
            };
            let profile = input::read(&recording.data, &options);
            let around = around.join().unwrap_or_else(|panic| resume_unwind(panic));
            profile.map(|profile| (profile, around))
        })?;
        let catalogue = match main_file(&profile, programs) {
            Some((file, stood)) => Catalogue::for_file_in(&around, &file, stood),
            None => Catalogue::empty(),
        };
        let symbols = symbolize::symbolize(&profile, &catalogue);
        if keeps && profile.named.is_empty() && profile.allocations.is_none() {
            kept::write(&recording, &profile, &symbols);
        }
        choose(&recording, reading.shown, &mut profile, &symbols)?;
        Ok(Self {
            recording,
            profile,
            symbols,
            input_flag,
        })
    }

    /// The recording as analyses take it.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            profile: &self.profile,
            symbols: &self.symbols,
            recording: &self.recording,
            settings: None,
            input_flag: self.input_flag.clone(),
        }
    }

    /// Keeps the sources with the recording, which has just been made.
    fn keep_sources(&self, console: &mut Console) {
        let roots = SourceRoots::of_this_machine();
        let files = self.symbols.files.iter().map(String::as_str);
        let kept = sources::keep(&self.recording.data, files, |name| roots.present(name));
        if let Err(error) = kept {
            console.detail(&format!("the sources are not kept: {error}"));
        }
    }

    /// Where the text of source lines is.
    pub fn source_roots(&self) -> SourceRoots {
        SourceRoots::of_this_machine().with_kept(Sources::of(&self.recording.data))
    }

    /// The recording as exports take it.
    pub fn symbolized(&self) -> Symbolized<'_> {
        Symbolized {
            profile: &self.profile,
            symbols: &self.symbols,
        }
    }

    /// The user's own settings of the profile that the program was built with, where cargo built
    /// it: as they are now, because a recording does not keep them.
    pub fn settings(&self) -> Option<BTreeMap<String, String>> {
        let about = self.recording.about.as_ref()?;
        let profile = about.build_profile.clone()?;
        let context = context_of(&self.recording).ok()?;
        let workspace = Workspace::find(&context)?;
        let selection = Selection {
            profile: Some(profile),
            ..Selection::default()
        };
        let toolchain = Toolchain::load(&context, &selection).ok()?;
        Some(config::written(
            &context,
            &selection,
            workspace.root(),
            &toolchain.host,
        ))
    }
}

/// Leaves out of the profile what is not asked for.
fn choose(
    recording: &Recording,
    shown: &Shown,
    profile: &mut Profile,
    symbols: &Symbols,
) -> Result<()> {
    shown.apply(recording.about.as_ref(), profile)?;
    let is_bench = |program: &Program| {
        let harness = program.harness.as_deref();
        harness.is_some_and(|harness| matches!(harness, "criterion" | "divan"))
    };
    if !shown.set_up && profile.allocations.is_none() && programs(recording).iter().any(is_bench) {
        let kept = Sources::of(&recording.data);
        let roots = SourceRoots::of_this_machine();
        harness::leave_out(profile, symbols, |name| {
            let known = kept.as_ref().and_then(|kept| kept.get(name)?.text);
            known.or_else(|| roots.present(name))
        });
    }
    Ok(())
}

/// Of a directory of `perf record --threads` the file that has the header.
fn header_file(path: &Path) -> PathBuf {
    let data = path.join("data");
    match !path.join("perf.data").exists() && data.is_file() {
        true => data,
        false => path.to_path_buf(),
    }
}

/// Files that were not at their path when they were recorded, and their copies.
fn copies_of(recording: &Recording) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    let about = recording.about.iter();
    let copies = about.flat_map(|about| &about.copies);
    copies.map(|copied| (copied.path.clone(), copied.copy.clone()))
}

fn programs(recording: &Recording) -> &[Program] {
    let about = recording.about.as_ref();
    about.map_or(&[], |about| &about.programs)
}

/// Where the program was built, so that its workspace is found from anywhere.
fn context_of(recording: &Recording) -> Result<Context> {
    let about = recording.about.as_ref();
    let directory = about.and_then(|about| about.directory.clone());
    match directory.filter(|directory| directory.is_dir()) {
        Some(directory) => Ok(Context::at(directory)),
        None => Context::current(),
    }
}

/// The program itself: where it was when it is still the same, because what cargo left beside it
/// tells its crates; else the copy that was kept, and where the program was.
fn main_file<'p>(
    profile: &'p Profile,
    programs: &'p [Program],
) -> Option<(Mapping, Option<&'p Path>)> {
    for program in programs {
        let module = module_of(profile, &program.path);
        if let Some(file) = same_build(&program.path, module) {
            return Some((file, None));
        }
        let copy = program.copy.as_deref();
        if let Some(copy) = copy.and_then(|copy| same_build(copy, module)) {
            return Some((copy, Some(&program.path)));
        }
    }
    let module = main_module(profile)?;
    if let Some(file) = same_build(Path::new(&module.name), Some(module)) {
        return Some((file, None));
    }
    let opened = Mapping::open(module.file.as_ref()?.path()).ok()?;
    Some((opened, Some(Path::new(&module.name))))
}

fn module_of<'p>(profile: &'p Profile, path: &Path) -> Option<&'p Module> {
    let mut modules = profile.modules.iter();
    modules.find(|module| Path::new(&module.name) == path)
}

/// The file at `path`, unless it is another build than the one that was sampled.
fn same_build(path: &Path, module: Option<&Module>) -> Option<Mapping> {
    let file = Mapping::open(path).ok()?;
    let image = Image::parse(path, &file).ok()?;
    let known = module.and_then(|module| module.build_id.as_deref());
    let same = match (known, image.build_id()) {
        (Some(recorded), Some(now)) => recorded == now,
        // What has no build id is the same as what the reader opened, or it is not known.
        _ => module
            .and_then(|module| module.file.as_ref())
            .is_some_and(|opened| opened[..] == file[..]),
    };
    drop(image);
    same.then_some(file)
}

/// The file that most samples are in, libraries aside.
fn main_module(profile: &Profile) -> Option<&Module> {
    let mut periods = vec![0_u64; profile.modules.len()];
    for count in &profile.counts {
        // Wherever the innermost frame is, the program is among its callers.
        for frame in profile.frames_of(count.stack) {
            let module = profile.frames.get(frame.0 as usize);
            let module = module.map(|frame| frame.module.0 as usize);
            if let Some(at) = module.filter(|at| is_program(profile.modules.get(*at))) {
                periods[at] = periods[at].saturating_add(count.period.max(1));
                break;
            }
        }
    }
    let most = periods
        .iter()
        .enumerate()
        .max_by_key(|(_, period)| **period);
    let (at, period) = most?;
    (*period > 0).then(|| profile.modules.get(at))?
}

fn is_program(module: Option<&Module>) -> bool {
    module.is_some_and(|module| {
        let file = Path::new(&module.name).file_name().unwrap_or_default();
        let name = file.to_string_lossy();
        let library = name.ends_with(".so") || name.contains(".so.");
        module.kind == ModuleKind::File && module.file.is_some() && !library
    })
}
