//! The whole check: which artifacts the budgets name, what each of them measures, and the verdict.
//!
//! Each artifact is built and measured once, however many budgets it has; what can be known to be
//! wrong is said before anything is built.

use super::{
    baseline::{Baseline, Unlike},
    config::{Config, Measure, Rule, Target, Wanted},
    given::{Choice, Given},
    judge::{Verdict, judge},
    measure::{Images, Measured},
    scope::{Key, Place, Scope, key},
    update::{Edit, update},
};
use crate::{
    analysis::{self, Input, regions},
    compare::Compared,
    snapshot::{self, Compressors, Measures, measure, measure::Brotli, survey_of},
};
use codecost::{
    Result,
    cargo::{Context, TargetChoice},
    front::quoted,
    image::{Architecture, Image},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What to check, and against what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file with the budgets; `None` for the nearest one.
    pub config_file: Option<PathBuf>,
    /// Snapshots that growth is measured against, or directories of them.
    pub baselines: Vec<PathBuf>,
    /// Rewrite the limits, for this reason.
    pub update: Option<String>,
    /// What to measure: the target of the selection narrows the budgets.
    pub input: Input,
}

/// What is being done, for those who wait.
#[derive(Clone, Copy, Debug)]
pub enum Step<'s> {
    /// An artifact is measured.
    Measuring(&'s Target),
    /// It is built with these additions; as in
    /// [`Build::one_announced`](codecost::cargo::Build::one_announced).
    Building(&'s [String]),
}

/// Everything that was judged.
#[derive(Debug)]
pub struct Checked {
    /// The file with the budgets.
    pub config: Config,
    /// The verdict.
    pub verdict: Verdict,
    /// The artifacts, with what changed since their baselines.
    pub artifacts: Vec<Judged>,
    /// The artifacts that the command line leaves out, each with the number of its rules.
    pub left_out: Vec<(String, u64)>,
    /// Baselines that no budget applies to, in words.
    pub unused: Vec<String>,
    /// The one baseline, in words, when it is of a file of another name than the one artifact.
    pub renamed: Option<String>,
    /// The file that is measured and the artifact that it is measured for, in words, when its name
    /// is not that artifact's.
    pub misnamed: Option<(PathBuf, String)>,
    /// Artifacts that none of the given baselines is of.
    pub without: Vec<String>,
    /// What `--update` wrote; `None` without it.
    pub updated: Option<Vec<Edit>>,
    /// The flags that ask for the same check again, for a shell.
    pub again: String,
}

/// One artifact.
#[derive(Debug)]
pub struct Judged {
    /// What the budgets call it.
    pub name: String,
    /// The flags that choose it again, for a shell.
    pub flags: String,
    /// Its sizes as the user's profile builds it.
    pub measures: Measures,
    /// Which images of the file were measured, where there is a choice.
    pub images: Option<Images>,
    /// What changed since its baseline.
    pub compared: Option<Compared>,
    /// Why that cannot be told, though there is a baseline.
    pub unlike: Option<String>,
    /// Whether its baseline says that it was not there.
    pub new: bool,
}

/// One artifact, before it is measured.
struct Planned {
    key: Key,
    needed: Needed,
    place: Place,
    baseline: Choice,
}

/// One artifact, measured.
struct Done {
    result: Result<Measured, String>,
    baseline: Choice,
    /// What keeps it from being compared with its baseline.
    unlike: Unlike,
}

/// All artifacts, before they are measured.
struct Plan {
    artifacts: Vec<Planned>,
    /// As [`Checked::misnamed`].
    misnamed: Option<(PathBuf, String)>,
    /// Whether the only baseline is used for the only artifact although their names differ.
    renamed: bool,
}

/// Checks.
///
/// # Errors
///
/// The file with the budgets is not valid or two baselines are of one artifact (usage errors), or
/// an artifact cannot be built.
pub fn check(
    context: &Context,
    options: &Options,
    begin: &mut dyn FnMut(Step<'_>),
) -> Result<Checked> {
    let mut config = Config::load(options.config_file.as_deref(), context.directory())?;
    let given = Given::load(&options.baselines)?;
    let scope = Scope::new(context, &options.input, &config)?;
    let mut unused = given.unused(&config, file_of(&options.input));
    let left_out = scope.narrow(&mut config)?;
    let Plan {
        artifacts,
        misnamed,
        renamed,
    } = plan(&config, &options.input, &scope, &given)?;
    let renamed = if renamed { unused.pop() } else { None };

    let mut measured: BTreeMap<Key, Done> = BTreeMap::new();
    for planned in artifacts {
        begin(Step::Measuring(&planned.key.0));
        let Planned {
            key,
            needed,
            place,
            baseline,
        } = planned;
        let mut announce = |added: &[String]| begin(Step::Building(added));
        let result = measure_one(context, &options.input, place, needed, &mut announce)?;
        let now = result.as_ref().ok().and_then(|now| now.snapshot.as_ref());
        let both = given.get(&baseline).zip(now);
        let unlike = both.map(|(before, now)| Unlike::between(before, now));
        let done = Done {
            result,
            baseline,
            unlike: unlike.unwrap_or_default(),
        };
        measured.insert(key, done);
    }
    let mut verdict = judged(&config, &given, &measured);
    let mut updated = None;
    if let Some(reason) = &options.update {
        updated = Some(update(&config, &verdict, reason)?);
        // What the file says now is what counts.
        config = Config::load(Some(&config.path), context.directory())?;
        scope.narrow(&mut config)?;
        verdict = judged(&config, &given, &measured);
    }
    let mut checked = Checked {
        artifacts: Vec::new(),
        config,
        verdict,
        left_out,
        unused,
        renamed,
        misnamed,
        without: Vec::new(),
        updated,
        again: again(options),
    };
    for (key, done) in measured {
        let flags = flags(&key, &options.input);
        checked.add(key.0.to_string(), flags, done, &given);
    }
    Ok(checked)
}

impl Checked {
    /// Adds an artifact that was measured, and what changed since its baseline.
    fn add(&mut self, name: String, flags: String, done: Done, given: &Given) {
        let Done {
            result,
            baseline,
            unlike,
        } = done;
        if matches!(baseline, Choice::Other(_)) {
            self.without.push(name.clone());
        }
        let Ok(now) = result else {
            return;
        };
        let unlike = unlike.any().map(str::to_owned);
        let before = given.get(&baseline).filter(|_| unlike.is_none()).cloned();
        self.artifacts.push(Judged {
            name,
            flags,
            measures: now.measures,
            images: now.images,
            compared: before
                .zip(now.snapshot)
                .map(|(before, now)| Compared::new(before, now)),
            unlike,
            new: baseline == Choice::New,
        });
    }
}

/// Decides what to measure, where it is, and which baseline it has.
fn plan(config: &Config, input: &Input, scope: &Scope<'_>, given: &Given) -> Result<Plan> {
    let mut needed: BTreeMap<Key, Needed> = BTreeMap::new();
    for rule in &config.rules {
        needed.entry(key(rule)).or_default().add(rule);
    }
    let single = needed.len() == 1;
    let mut plan = Plan {
        artifacts: Vec::new(),
        misnamed: None,
        renamed: false,
    };
    for (key, mut needed) in needed {
        let place = scope.place(config, &key)?;
        let identity = place.identity(&key);
        if let Some(file) = file_of(input)
            && !identity.is_called(file)
        {
            plan.misnamed = Some((file.to_owned(), identity.to_string()));
        }
        let mut baseline = given.choose(&identity)?;
        // One file and one baseline of a file: whoever gave both has paired them.
        let same_file = given
            .only()
            .is_some_and(|only| identity.is_file_as(&only.artifact));
        if matches!(baseline, Choice::Other(_)) && single && same_file {
            plan.renamed = true;
            baseline = Choice::Of(0);
        }
        // What changed is only to be told from the analysis build.
        needed.analysis |= matches!(baseline, Choice::Of(_));
        plan.artifacts.push(Planned {
            key,
            needed,
            place,
            baseline,
        });
    }
    Ok(plan)
}

fn judged(config: &Config, given: &Given, measured: &BTreeMap<Key, Done>) -> Verdict {
    judge(
        config,
        |rule| match measured.get(&key(rule)) {
            Some(done) => done.result.as_ref().map_err(String::clone),
            None => Err("it was not measured".into()),
        },
        |rule| {
            let Some(done) = measured.get(&key(rule)) else {
                return Baseline::NotGiven;
            };
            match (&done.baseline, given.get(&done.baseline)) {
                (_, Some(snapshot)) => Baseline::Of(snapshot, &done.unlike),
                (Choice::Other(why), None) => Baseline::OfOthers(why.clone()),
                (Choice::New, None) => Baseline::New,
                (Choice::NotGiven | Choice::Of(_), None) => Baseline::NotGiven,
            }
        },
    )
}

/// The flags that ask for the same check again: of the same artifacts, with the same budgets and
/// baselines.
fn again(options: &Options) -> String {
    let Options {
        config_file,
        baselines,
        update: _,
        input,
    } = options;
    let named = |flag: &str, value: &str| format!("{flag} {}", quoted(value));
    let path = |flag: &str, path: &Path| named(flag, &path.to_string_lossy());
    let mut words = Vec::new();
    words.extend(config_file.iter().map(|file| path("--config-file", file)));
    words.extend(baselines.iter().map(|file| path("--baseline", file)));
    match input {
        Input::File {
            path: file,
            debug_file,
            member,
            arch,
            manifest_path,
        } => {
            words.push(path("--file", file));
            words.extend(debug_file.iter().map(|file| path("--debug-file", file)));
            words.extend(member.iter().map(|name| named("--member", name)));
            words.extend(arch.iter().map(|name| named("--arch", name)));
            words.extend(
                manifest_path
                    .iter()
                    .map(|file| path("--manifest-path", file)),
            );
        }
        Input::Build(selection) => {
            words.extend(selection.packages.iter().map(|name| named("-p", name)));
            let target = |flag: &str, name: &Option<String>| match name {
                Some(name) => named(flag, name),
                None => flag.to_owned(),
            };
            words.extend(match &selection.target {
                TargetChoice::Default => None,
                TargetChoice::Lib => Some("--lib".to_owned()),
                TargetChoice::Bin(name) => Some(target("--bin", name)),
                TargetChoice::Example(name) => Some(target("--example", name)),
                TargetChoice::Test(name) => Some(target("--test", name)),
                TargetChoice::Bench(name) => Some(target("--bench", name)),
            });
            let more = selection.same_build_args();
            words.extend(more.iter().map(|word| quoted(word)));
        }
    }
    words.join(" ")
}

/// The flags that choose an artifact again.
fn flags((target, package): &Key, input: &Input) -> String {
    let named = |flag: &str, value: &str| vec![flag.to_owned(), quoted(value)];
    let file = |path: &Path| named("--file", &path.to_string_lossy());
    let selection = match input {
        Input::File { path, arch, .. } => {
            let arch = arch.iter().flat_map(|arch| named("--arch", arch));
            return file(path)
                .into_iter()
                .chain(arch)
                .collect::<Vec<_>>()
                .join(" ");
        }
        Input::Build(selection) => selection,
    };
    let target = match target {
        Target::File(path) => return file(path).join(" "),
        Target::Bin(name) => named("--bin", name),
        Target::Example(name) => named("--example", name),
        Target::Lib(name) => {
            let mut flags = vec!["--lib".to_owned()];
            if package.is_none() && selection.packages.is_empty() {
                flags.extend(named("-p", name));
            }
            flags
        }
    };
    let packages = package.iter().chain(&selection.packages).take(1);
    let packages = packages.flat_map(|package| named("-p", package));
    let more = selection.same_build_args();
    let more = more.iter().map(|word| quoted(word));
    let words: Vec<String> = packages.chain(target).chain(more).collect();
    words.join(" ")
}

/// The file that is measured, where cargo builds none.
fn file_of(input: &Input) -> Option<&Path> {
    match input {
        Input::File { path, .. } => Some(path),
        Input::Build(_) => None,
    }
}

/// What the rules of one artifact need to be measured.
#[derive(Clone, Copy, Default)]
struct Needed {
    /// The analysis build.
    analysis: bool,
    /// The artifact as the user's profile builds it.
    as_built: bool,
    /// Its compressed sizes.
    compressors: Compressors,
}

impl Needed {
    fn add(&mut self, rule: &Rule) {
        self.analysis |= rule.needs_analysis();
        if let Wanted::Budget(budget) = &rule.wanted {
            self.as_built |= !budget.measure.needs_analysis();
            self.compressors.gzip |= matches!(budget.measure, Measure::Gzip);
            self.compressors.zstd |= matches!(budget.measure, Measure::Zstd);
            if matches!(budget.measure, Measure::Brotli) {
                self.compressors.brotli = Brotli::Always;
            }
        }
    }
}

/// Measures one artifact. The inner error says why there is nothing to measure.
fn measure_one(
    context: &Context,
    input: &Input,
    place: Place,
    needed: Needed,
    announce: &mut dyn FnMut(&[String]),
) -> Result<Result<Measured, String>> {
    let selection = match place {
        Place::File(path) if !path.is_file() => {
            return Ok(Err(format!("there is no file `{}`", path.display())));
        }
        Place::File(path) => return measure_file(context, input, &path, needed).map(Ok),
        Place::Nowhere(reason) => return Ok(Err(reason)),
        Place::Build { selection, .. } => selection,
    };
    let mut measured = Measured::default();
    if needed.as_built {
        let compressors = needed.compressors;
        measured.measures =
            snapshot::measures_as_built(context, &selection, compressors, announce)?;
    }
    if needed.analysis {
        measured.survey(survey_of(context, &Input::Build(*selection), announce)?);
    }
    Ok(Ok(measured))
}

/// Which images are measured, where there is a choice.
fn images(image: &Image<'_>, is_chosen: bool) -> Option<Images> {
    let names = image.sections.iter().map(|part| part.name.to_string());
    match image.architecture {
        Architecture::Universal => Some(Images::All(names.collect())),
        architecture if is_chosen => Some(Images::One(architecture.to_string())),
        _ => None,
    }
}

fn measure_file(context: &Context, input: &Input, path: &Path, needed: Needed) -> Result<Measured> {
    let (member, arch) = match input {
        Input::File { member, arch, .. } => (member.as_deref(), arch.as_deref()),
        Input::Build(_) => (None, None),
    };
    let file = analysis::mapped(path, member, arch)?;
    let image = Image::parse(path, &file)?;
    let mut measured = Measured {
        measures: measure::of(path, &file, needed.compressors)?,
        regions: regions::beside(path, &image).regions,
        images: images(&image, arch.is_some()),
        ..Measured::default()
    };
    drop(image);
    file.check_unchanged()?;
    if needed.analysis {
        let input = match input {
            Input::File {
                debug_file,
                member,
                arch,
                manifest_path,
                ..
            } => Input::File {
                path: path.into(),
                debug_file: debug_file.clone(),
                member: member.clone(),
                arch: arch.clone(),
                manifest_path: manifest_path.clone(),
            },
            Input::Build(_) => Input::file(path),
        };
        measured.survey(survey_of(context, &input, &mut |_| {})?);
    }
    Ok(measured)
}
