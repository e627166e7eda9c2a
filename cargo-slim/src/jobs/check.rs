//! `cargo slim check`: builds and measures what the budgets name, once each, and judges.

mod scope;

use super::{Compared, Surveyed, plain, survey_of};
use crate::{
    analysis::measure,
    announce,
    budget::{
        Baseline, Config, Edit, Identity, Measure, Measured, Rule, Target, Unlike, Verdict, Wanted,
        judge, update, words,
    },
    options::{CheckOptions, Input},
    snapshot::{self, Measures, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Context, Selection},
    console::Console,
    image::Mapping,
};
use scope::{Place, Scope};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

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
    /// Baselines that no budget is about, in words.
    pub unused: Vec<String>,
    /// The one baseline, in words, when it is of a file of another name than the one artifact.
    pub renamed: Option<String>,
    /// The file that is measured and the artifact that it is measured for, in words, when its name
    /// is not that artifact's.
    pub misnamed: Option<(PathBuf, String)>,
    /// Artifacts that none of the given baselines is of.
    pub without: Vec<String>,
    /// What `--update` wrote.
    pub updated: Vec<Edit>,
}

/// One artifact.
#[derive(Debug)]
pub struct Judged {
    /// What the budgets call it.
    pub name: String,
    /// Its sizes as the user's profile builds it.
    pub measures: Measures,
    /// What changed since its baseline.
    pub compared: Option<Compared>,
    /// Why that cannot be told, though there is a baseline.
    pub unlike: Option<String>,
    /// Whether its baseline says that it was not there.
    pub new: bool,
}

type Key = (Target, Option<String>);

/// What one artifact's growth is measured against.
enum Then {
    NotGiven,
    New,
    /// None of the baselines is of this artifact: why.
    Other(String),
    /// The baseline with this number.
    Of(usize),
}

/// Checks.
///
/// # Errors
///
/// The file with the budgets is not valid or two baselines are of one artifact (usage errors), or
/// an artifact cannot be built.
pub fn check(options: &CheckOptions, console: &mut Console) -> Result<Checked> {
    let context = Context::current()?;
    let mut config = Config::load(options.config_file.as_deref(), context.directory())?;
    let mut baselines = Vec::new();
    for path in &options.baselines {
        for path in snapshots(path)? {
            let snapshot = snapshot::open(&path)?;
            baselines.push((path, snapshot));
        }
    }
    let scope = Scope::new(&context, &options.input, &config)?;
    let mut unused = unused(&config, &options.input, &baselines);
    let left_out = scope.narrow(&mut config)?;

    let mut wishes: BTreeMap<Key, Wish> = BTreeMap::new();
    for rule in &config.rules {
        wishes.entry(key(rule)).or_default().add(rule);
    }
    // What can be known to be wrong is said before anything is built.
    let mut artifacts = Vec::new();
    let (mut renamed, mut misnamed) = (None, None);
    let single = wishes.len() == 1;
    for (key, mut wish) in wishes {
        let place = scope.place(&config, &key)?;
        let identity = place.identity(&key);
        if let Input::File { path, .. } = &options.input
            && !identity.is_called(path)
        {
            misnamed = Some((path.clone(), identity.to_string()));
        }
        let then = match (choose(&identity, &baselines)?, baselines.as_slice()) {
            (Then::Other(_), [only]) if single && identity.is_file_as(&only.1.artifact) => {
                renamed = unused.pop();
                Then::Of(0)
            }
            (then, _) => then,
        };
        // What changed is only to be told from the analysis build.
        wish.analysis |= matches!(then, Then::Of(_));
        artifacts.push((key, wish, place, then));
    }
    let mut measured: BTreeMap<Key, (Result<Measured, String>, Then, Unlike)> = BTreeMap::new();
    for (key, wish, place, then) in artifacts {
        console.status("Measuring", &key.0.to_string());
        let mut first = |added: &[String]| announce(console, added);
        let result = one(&context, &options.input, place, wish, &mut first)?;
        let mut unlike = Unlike::default();
        if let (Then::Of(at), Ok(measured)) = (&then, &result)
            && let (Some((_, before)), Some(now)) = (baselines.get(*at), &measured.snapshot)
        {
            unlike = Unlike::between(before, now);
        }
        measured.insert(key, (result, then, unlike));
    }
    let judged = |config: &Config| {
        judge(
            config,
            |rule| match measured.get(&key(rule)) {
                Some((Ok(measured), ..)) => Ok(measured),
                Some((Err(reason), ..)) => Err(reason.clone()),
                None => Err("it was not measured".into()),
            },
            |rule| match measured.get(&key(rule)) {
                Some((_, Then::Of(at), unlike)) => match baselines.get(*at) {
                    Some((_, snapshot)) => Baseline::Of(snapshot, unlike),
                    None => Baseline::NotGiven,
                },
                Some((_, Then::Other(why), _)) => Baseline::Unfit(why.clone()),
                Some((_, Then::New, _)) => Baseline::New,
                Some((_, Then::NotGiven, _)) | None => Baseline::NotGiven,
            },
        )
    };
    let mut verdict = judged(&config);
    let mut updated = Vec::new();
    if let Some(reason) = &options.update {
        updated = update(&config, &verdict, reason)?;
        // What the file says now is what counts.
        config = Config::load(Some(&config.path), context.directory())?;
        scope.narrow(&mut config)?;
        verdict = judged(&config);
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
    };
    for (key, (result, then, unlike)) in measured {
        let name = key.0.to_string();
        if matches!(then, Then::Other(_)) {
            checked.without.push(name.clone());
        }
        let Ok(now) = result else {
            continue;
        };
        let unlike = unlike.any().map(str::to_owned);
        let before = match &then {
            Then::Of(at) if unlike.is_none() => baselines.get(*at),
            _ => None,
        };
        let before = before.map(|(_, before)| before.clone());
        checked.artifacts.push(Judged {
            name,
            measures: now.measures,
            compared: before
                .zip(now.snapshot)
                .map(|(before, now)| Compared::new(before, now)),
            unlike,
            new: matches!(then, Then::New),
        });
    }
    Ok(checked)
}

/// The file, or the JSON files of the directory, by name.
///
/// # Errors
///
/// The directory cannot be read or has none: a gate without its baselines must not pass.
fn snapshots(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| Error::read(path, error))? {
        let file = entry.map_err(|error| Error::read(path, error))?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::failed(
            format_args!("there is no snapshot in `{}`", path.display()),
            format_args!(
                "take one for each artifact: `cargo slim snapshot --bin NAME -o {}`",
                path.join("NAME.json").display()
            ),
        ));
    }
    files.sort();
    Ok(files)
}

fn key(rule: &Rule) -> Key {
    (rule.target.clone(), rule.package.clone())
}

/// What the rules of one artifact need.
#[derive(Clone, Copy, Default)]
struct Wish {
    analysis: bool,
    plain: bool,
    gzip: bool,
    zstd: bool,
}

impl Wish {
    fn add(&mut self, rule: &Rule) {
        self.analysis |= rule.needs_analysis();
        if let Wanted::Budget(budget) = &rule.wanted {
            self.plain |= !budget.measure.needs_analysis();
            self.gzip |= matches!(budget.measure, Measure::Gzip);
            self.zstd |= matches!(budget.measure, Measure::Zstd);
        }
    }
}

/// The one baseline of an artifact.
///
/// # Errors
///
/// A usage error: there are two, and nobody can say which one counts.
fn choose(identity: &Identity<'_>, baselines: &[(PathBuf, Snapshot)]) -> Result<Then> {
    let fits = |own: &(usize, &(PathBuf, Snapshot))| identity.fits(&own.1.1.artifact);
    let mut fitting = baselines.iter().enumerate().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some((_, (first, _))), Some((_, (second, _)))) => Err(Error::usage(
            format_args!(
                "`{}` and `{}` are both a baseline of {identity}",
                first.display(),
                second.display()
            ),
            "give one baseline for each artifact",
        )),
        (Some((_, (_, only))), None) if only.artifact.absent => Ok(Then::New),
        (Some((at, _)), None) => Ok(Then::Of(at)),
        (None, _) if baselines.is_empty() => Ok(Then::NotGiven),
        (None, _) => {
            let mut given: Vec<_> = baselines.iter().map(in_words).collect();
            let more = given.len().saturating_sub(SHOWN);
            given.truncate(SHOWN);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Ok(Then::Other(format!(
                "no baseline is of {identity}: given {} {}{more}",
                if given.len() == 1 { "is" } else { "are" },
                given.join(", ")
            )))
        }
    }
}

/// How many baselines one message names.
const SHOWN: usize = 3;

fn in_words((path, snapshot): &(PathBuf, Snapshot)) -> String {
    format!("`{}` of {}", path.display(), words(&snapshot.artifact))
}

/// Baselines that none of all rules is about, whatever the command line chooses of them.
fn unused(config: &Config, input: &Input, baselines: &[(PathBuf, Snapshot)]) -> Vec<String> {
    let file = match input {
        Input::File { path, .. } => Some(path.as_path()),
        Input::Build(_) => None,
    };
    let used = |snapshot: &Snapshot| {
        config.rules.iter().any(|rule| {
            let identity = Identity {
                target: &rule.target,
                package: rule.package.as_deref(),
                file,
            };
            identity.fits(&snapshot.artifact)
        })
    };
    let unused = baselines.iter().filter(|(_, snapshot)| !used(snapshot));
    unused.map(in_words).collect()
}

/// Measures one artifact. The inner error says why there is nothing to measure.
fn one(
    context: &Context,
    input: &Input,
    place: Place,
    wish: Wish,
    first: &mut dyn FnMut(&[String]),
) -> Result<Result<Measured, String>> {
    let selection = match place {
        Place::File(path) if !path.is_file() => {
            return Ok(Err(format!("there is no file `{}`", path.display())));
        }
        Place::File(path) => return of_file(context, input, &path, wish).map(Ok),
        Place::Nowhere(reason) => return Ok(Err(reason)),
        Place::Build { selection, .. } => selection,
    };
    let mut measured = Measured::default();
    if wish.plain {
        measured.measures = plain(context, &selection, (wish.gzip, wish.zstd), first)?;
    }
    if wish.analysis {
        let surveyed = survey_of(context, &Input::Build(*selection), first)?;
        fill(&mut measured, surveyed);
    }
    Ok(Ok(measured))
}

fn of_file(context: &Context, input: &Input, path: &Path, wish: Wish) -> Result<Measured> {
    let file = Mapping::open(path)?;
    let mut measured = Measured {
        measures: measure::of(path, &file, wish.gzip, wish.zstd)?,
        ..Measured::default()
    };
    file.check_unchanged()?;
    if wish.analysis {
        let debug_file = match input {
            Input::File { debug_file, .. } => debug_file.clone(),
            Input::Build(_) => None,
        };
        let input = Input::File {
            path: path.into(),
            debug_file,
            selection: Selection::default(),
        };
        fill(&mut measured, survey_of(context, &input, &mut |_| {})?);
    }
    Ok(measured)
}

fn fill(measured: &mut Measured, surveyed: Surveyed) {
    measured.snapshot = Some(surveyed.snapshot);
    measured.aliases = surveyed.aliases;
    measured.stripped = surveyed.stripped;
}
