//! `cargo slim check`: builds and measures what the budgets name, once each, and judges.

use super::{Compared, Surveyed, plain, survey_of};
use crate::{
    analysis::measure,
    announce,
    budget::{Config, Measure, Measured, Rule, Target, Verdict, Wanted, judge, update},
    options::{CheckOptions, Input},
    snapshot::{self, Measures, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Context, Selection, TargetChoice, Workspace},
    console::Console,
    image::Mapping,
};
use std::{collections::BTreeMap, path::Path};

/// Everything that was judged.
#[derive(Debug)]
pub struct Checked {
    /// The file with the budgets.
    pub config: Config,
    /// The verdict.
    pub verdict: Verdict,
    /// The artifacts, with what changed since their baselines.
    pub artifacts: Vec<Judged>,
    /// How many rules are about artifacts that the command line leaves out.
    pub left_out: usize,
    /// The budgets whose limits were rewritten.
    pub updated: Vec<String>,
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
}

type Key = (Target, Option<String>);

/// Checks.
///
/// # Errors
///
/// The file with the budgets is not valid (a usage error), or an artifact cannot be built.
pub fn check(options: &CheckOptions, console: &mut Console) -> Result<Checked> {
    let context = Context::current()?;
    let mut config = Config::load(options.config_file.as_deref(), context.directory())?;
    let mut baselines = Vec::new();
    for path in &options.baselines {
        baselines.push(snapshot::open(path)?);
    }
    let all = config.rules.len();
    narrow(&mut config, &options.input)?;
    let left_out = all - config.rules.len();

    let mut wishes: BTreeMap<Key, Wish> = BTreeMap::new();
    for rule in &config.rules {
        wishes.entry(key(rule)).or_default().add(rule);
    }
    let only = wishes.len() == 1 && baselines.len() == 1;
    let mut measured: BTreeMap<Key, Result<Measured, String>> = BTreeMap::new();
    let mut chosen: BTreeMap<Key, Snapshot> = BTreeMap::new();
    for (key, mut wish) in wishes {
        let found = baselines.iter().position(|own| only || fits(own, &key));
        if let Some(found) = found {
            // What changed is only to be told from the analysis build.
            wish.analysis = true;
            chosen.insert(key.clone(), baselines.swap_remove(found));
        }
        console.status("Measuring", &key.0.to_string());
        let result = one(
            &context,
            &options.input,
            &config,
            &key,
            wish,
            &mut |added| {
                announce(console, added);
            },
        )?;
        measured.insert(key, result);
    }
    let judged = |config: &Config| {
        judge(
            config,
            |rule| match measured.get(&key(rule)) {
                Some(Ok(measured)) => Ok(measured),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err("it was not measured".into()),
            },
            |rule| chosen.get(&key(rule)),
            !options.baselines.is_empty(),
        )
    };
    let mut verdict = judged(&config);
    let mut updated = Vec::new();
    if let Some(reason) = &options.update {
        let rows = update(&config, &verdict, reason)?;
        updated = rows.into_iter().map(|row| row.budget.clone()).collect();
        // What the file says now is what counts.
        config = Config::load(Some(&config.path), context.directory())?;
        narrow(&mut config, &options.input)?;
        verdict = judged(&config);
    }
    let artifacts = measured.into_iter().filter_map(|(key, measured)| {
        let measured = measured.ok()?;
        Some(Judged {
            name: key.0.to_string(),
            measures: measured.measures,
            compared: chosen
                .remove(&key)
                .zip(measured.snapshot)
                .map(|(before, after)| Compared::new(before, after)),
        })
    });
    Ok(Checked {
        artifacts: artifacts.collect(),
        config,
        verdict,
        left_out,
        updated,
    })
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

/// `--bin X` and the like choose the budgets of that artifact; `--file` those of the file's name.
fn narrow(config: &mut Config, input: &Input) -> Result<()> {
    let wanted = match input {
        Input::File { path, .. } => {
            let mut targets: Vec<_> = config.rules.iter().map(|rule| &rule.target).collect();
            targets.dedup();
            if targets.len() == 1 {
                // The only artifact: whatever the file is called, it is that one.
                return Ok(());
            }
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
        }
        Input::Build(selection) => match &selection.target {
            TargetChoice::Bin(Some(name)) | TargetChoice::Example(Some(name)) => Some(name.clone()),
            TargetChoice::Default | TargetChoice::Bin(None) | TargetChoice::Example(None) => None,
            TargetChoice::Lib => {
                config
                    .rules
                    .retain(|rule| matches!(rule.target, Target::Lib(_)));
                None
            }
            TargetChoice::Test(_) | TargetChoice::Bench(_) => {
                return Err(Error::usage(
                    "budgets are for binaries, libraries, examples and files",
                    "leave out `--test` and `--bench`",
                ));
            }
        },
    };
    if let Some(name) = wanted {
        config.rules.retain(|rule| match &rule.target {
            Target::Bin(own) | Target::Example(own) => *own == name,
            Target::Lib(own) => *own == name || format!("lib{}", own.replace('-', "_")) == name,
            Target::File(path) => path.file_stem().is_some_and(|stem| *stem == *name),
        });
        if config.rules.is_empty() {
            return Err(Error::usage(
                format_args!("no budget in `{}` is about `{name}`", config.path.display()),
                "name an artifact as the budgets do",
            ));
        }
    }
    Ok(())
}

/// Whether a snapshot is of this artifact.
fn fits(baseline: &Snapshot, (target, package): &Key) -> bool {
    let artifact = &baseline.artifact;
    let stem = |path: &Path| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let file = || stem(Path::new(&artifact.path));
    let package_fits =
        package.is_none() || artifact.package.is_none() || artifact.package == *package;
    let named = |name: &String, kinds: &dyn Fn(&str) -> bool| match &artifact.target_name {
        Some(own) => {
            let kind = artifact.target_kind.as_deref();
            own.replace('-', "_") == name.replace('-', "_") && kind.is_none_or(kinds)
        }
        None => file().as_ref() == Some(name),
    };
    package_fits
        && match target {
            Target::Bin(name) => named(name, &|kind| kind == "bin"),
            Target::Example(name) => named(name, &|kind| kind == "example"),
            Target::Lib(name) => {
                let library = |kind: &str| !["bin", "example", "test", "bench"].contains(&kind);
                named(name, &library) || artifact.package.as_ref() == Some(name)
            }
            Target::File(path) => artifact.target_name.is_none() && file() == stem(path),
        }
}

/// Measures one artifact. The inner error says why there is nothing to measure.
fn one(
    context: &Context,
    input: &Input,
    config: &Config,
    key: &Key,
    wish: Wish,
    first: &mut dyn FnMut(&[String]),
) -> Result<Result<Measured, String>> {
    let path = match (input, &key.0) {
        (Input::File { path, .. }, _) => Some(path.clone()),
        (_, Target::File(path)) => Some(config.directory().join(path)),
        _ => None,
    };
    if let Some(path) = path {
        if !path.is_file() {
            return Ok(Err(format!("there is no file `{}`", path.display())));
        }
        return of_file(context, input, &path, wish).map(Ok);
    }
    let (Input::Build(selection) | Input::File { selection, .. }) = input;
    let selection = match select(context, selection, key)? {
        Ok(selection) => selection,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut measured = Measured::default();
    if wish.plain {
        measured.measures = plain(context, &selection, (wish.gzip, wish.zstd), first)?;
    }
    if wish.analysis {
        fill(
            &mut measured,
            survey_of(context, &Input::Build(selection), first)?,
        );
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

/// The one cargo target that a rule means, among all members of the workspace. The inner error:
/// there is none.
fn select(
    context: &Context,
    selection: &Selection,
    (target, package): &Key,
) -> Result<Result<Selection, String>> {
    let (choice, what, name) = match target {
        Target::Bin(name) => (TargetChoice::Bin(Some(name.clone())), "binary", name),
        Target::Example(name) => (TargetChoice::Example(Some(name.clone())), "example", name),
        Target::Lib(name) => (TargetChoice::Lib, "library", name),
        Target::File(_) => return Ok(Err("it is a file".into())),
    };
    let packages = match package {
        Some(package) => vec![package.clone()],
        None if selection.packages.is_empty() => vec!["*".into()],
        None => selection.packages.clone(),
    };
    let mut wanted = Selection {
        packages,
        target: choice,
        ..selection.clone()
    };
    let workspace = Workspace::load(context, &wanted)?;
    let mut found = match workspace.candidates(&wanted) {
        Ok(found) => found,
        Err(Error::Usage { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    if matches!(target, Target::Lib(_)) {
        let plain = |text: &str| text.replace('-', "_");
        found.retain(|library| {
            plain(&library.name) == plain(name) || plain(&library.package) == plain(name)
        });
    }
    match found.as_slice() {
        [] => Ok(Err(format!("there is no {what} `{name}`"))),
        [one] => {
            wanted.packages = vec![format!("{}@{}", one.package, one.version)];
            Ok(Ok(wanted))
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|found| format!("package = \"{}\"", found.package))
                .collect();
            Err(Error::usage(
                format_args!("several packages have a {what} `{name}`"),
                format_args!("add one of these to its budgets: {}", names.join(", ")),
            ))
        }
    }
}
