//! Which budgets the command line chooses, and which artifact each of them means.
//!
//! `-p`, `--bin`, `--example` and `--lib` leave out the budgets of all other artifacts; what is
//! left out is said, because a gate that silently judges less looks like one that passed. A name
//! that no package has is left out by none of them but by another name: a misspelt budget must not
//! pass.

use super::{
    baseline::Identity,
    config::{Config, Rule, Target},
};
use crate::analysis::Input;
use codecost::{
    Error, Result,
    cargo::{Candidate, Context, Selection, TargetChoice, Workspace},
};
use std::path::PathBuf;

/// How many names one message lists.
const SHOWN: usize = 8;

/// What tells the artifacts of rules apart: the target and the package that they name.
pub(super) type Key = (Target, Option<String>);

pub(super) fn key(rule: &Rule) -> Key {
    (rule.target.clone(), rule.package.clone())
}

/// The command line and the workspace that it is about.
pub(super) struct Scope<'a> {
    input: &'a Input,
    /// Where a budget names a target of cargo's.
    workspace: Option<Workspace>,
    /// The ids of the packages that `-p` names; `None` without one.
    packages: Option<Vec<String>>,
}

/// Where an artifact is.
pub(super) enum Place {
    /// A file.
    File(PathBuf),
    /// Cargo builds it, of this package.
    Build {
        selection: Box<Selection>,
        package: String,
    },
    /// There is none: why.
    Nowhere(String),
}

impl Place {
    /// What is known of the artifact.
    pub(super) fn identity<'a>(&'a self, (target, package): &'a Key) -> Identity<'a> {
        Identity {
            target,
            package: match self {
                Self::Build { package, .. } => Some(package),
                Self::File(_) | Self::Nowhere(_) => package.as_deref(),
            },
            file: match self {
                Self::File(path) => Some(path),
                Self::Build { .. } | Self::Nowhere(_) => None,
            },
        }
    }
}

impl<'a> Scope<'a> {
    /// Asks cargo for the workspace where that is needed.
    ///
    /// # Errors
    ///
    /// There is none, or `-p` names what it does not have (a usage error).
    pub(super) fn new(context: &Context, input: &'a Input, config: &Config) -> Result<Self> {
        let mut scope = Self {
            input,
            workspace: None,
            packages: None,
        };
        let Input::Build(selection) = input else {
            return Ok(scope);
        };
        let files = |rule: &Rule| matches!(rule.target, Target::File(_));
        if !selection.packages.is_empty() || !config.rules.iter().all(files) {
            let workspace = Workspace::load(context, selection)?;
            if !selection.packages.is_empty() {
                let chosen = workspace.packages(selection)?;
                scope.packages = Some(chosen.iter().map(|own| own.id.repr.clone()).collect());
            }
            scope.workspace = Some(workspace);
        }
        Ok(scope)
    }

    /// Keeps the rules that the command line chooses. Returns the artifacts of the others, each
    /// with the number of its rules.
    ///
    /// # Errors
    ///
    /// A usage error: nothing is left, or `--test` or `--bench` asks for what has no budgets.
    pub(super) fn narrow(&self, config: &mut Config) -> Result<Vec<(String, u64)>> {
        let all = config.rules.clone();
        let (kept, left): (Vec<Rule>, Vec<Rule>) = match self.input {
            Input::File { path, .. } => {
                let only = all.windows(2).all(|two| two[0].target == two[1].target);
                let stem = path.file_stem().map(|stem| stem.to_string_lossy());
                // With one artifact the name of the file does not matter.
                all.into_iter()
                    .partition(|rule| only || stem.as_ref().is_some_and(|stem| named(rule, stem)))
            }
            Input::Build(selection) => {
                let chosen = choice(&selection.target)?;
                all.into_iter()
                    .partition(|rule| chosen(&rule.target) && self.among(rule))
            }
        };
        if kept.is_empty() {
            let names: Vec<_> = tally(&left).into_iter().map(|(name, _)| name).collect();
            return Err(Error::usage(
                format_args!(
                    "no budget in `{}` applies to the selected target",
                    config.path.display()
                ),
                format_args!("its budgets apply to {}", listed(&names)),
            ));
        }
        config.rules = kept;
        Ok(tally(&left))
    }

    /// Whether a rule's artifact is of one of the packages that `-p` names.
    fn among(&self, rule: &Rule) -> bool {
        let (Some(chosen), Some(workspace)) = (&self.packages, &self.workspace) else {
            return true;
        };
        if matches!(rule.target, Target::File(_)) {
            return false;
        }
        let found = found(workspace, &rule.target, rule.package.as_deref());
        if !found.is_empty() {
            return found.iter().any(|own| chosen.contains(&own.package_id));
        }
        let Some(package) = &rule.package else {
            return true;
        };
        let packages = Selection {
            packages: vec![package.clone()],
            ..Selection::default()
        };
        // A package that there is, and that was not asked for, may lack what it likes.
        workspace.packages(&packages).map_or(true, |packages| {
            let mut packages = packages.iter();
            packages.any(|own| chosen.contains(&own.id.repr))
        })
    }

    /// The one artifact that a rule means, among all members of the workspace.
    ///
    /// # Errors
    ///
    /// A usage error: there are several.
    pub(super) fn place(&self, config: &Config, (target, package): &Key) -> Result<Place> {
        let selection = match (self.input, target) {
            (Input::File { path, .. }, _) => return Ok(Place::File(path.clone())),
            (_, Target::File(path)) => return Ok(Place::File(config.directory().join(path))),
            (Input::Build(selection), _) => selection,
        };
        let Some(workspace) = &self.workspace else {
            return Ok(Place::Nowhere("there is no workspace".into()));
        };
        let (what, name) = match target {
            Target::Bin(name) => ("binary", name.as_str()),
            Target::Example(name) => ("example", name.as_str()),
            Target::Lib(name) => ("library", name.as_str()),
            Target::File(_) => ("file", ""),
        };
        let mut found = found(workspace, target, package.as_deref());
        if let Some(chosen) = &self.packages {
            found.retain(|own| chosen.contains(&own.package_id));
        }
        match found.as_slice() {
            [] => {
                let other = workspace.candidates(&Selection {
                    packages: vec!["*".into()],
                    target: any(target),
                    ..Selection::default()
                });
                let names: Vec<_> = other.into_iter().flatten().map(|own| own.name).collect();
                Ok(Place::Nowhere(format!(
                    "there is no {what} `{name}`{}",
                    match names.as_slice() {
                        [] => format!(", nor any other {what}"),
                        names => format!(", but {}", listed(names)),
                    }
                )))
            }
            [one] => Ok(Place::Build {
                selection: Box::new(Selection {
                    packages: vec![format!("{}@{}", one.package, one.version)],
                    target: one_of(target),
                    ..selection.clone()
                }),
                package: one.package.clone(),
            }),
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
}

/// All targets of the workspace that a rule may mean.
fn found(workspace: &Workspace, target: &Target, package: Option<&str>) -> Vec<Candidate> {
    let wanted = Selection {
        packages: vec![package.unwrap_or("*").into()],
        target: one_of(target),
        ..Selection::default()
    };
    // That there is none is no error here: the budget will be missing.
    let mut found = workspace.candidates(&wanted).unwrap_or_default();
    if let Target::Lib(name) = target {
        let plain = |text: &str| text.replace('-', "_");
        found.retain(|library| {
            plain(&library.name) == plain(name) || plain(&library.package) == plain(name)
        });
    }
    found
}

fn one_of(target: &Target) -> TargetChoice {
    match target {
        Target::Bin(name) => TargetChoice::Bin(Some(name.clone())),
        Target::Example(name) => TargetChoice::Example(Some(name.clone())),
        Target::Lib(_) | Target::File(_) => TargetChoice::Lib,
    }
}

/// All of that kind.
fn any(target: &Target) -> TargetChoice {
    match target {
        Target::Bin(_) => TargetChoice::Bin(None),
        Target::Example(_) => TargetChoice::Example(None),
        Target::Lib(_) | Target::File(_) => TargetChoice::Lib,
    }
}

/// Whether a file with this stem is the artifact of a rule, by its name.
fn named(rule: &Rule, stem: &str) -> bool {
    match &rule.target {
        Target::Bin(own) | Target::Example(own) => own == stem,
        Target::Lib(own) => own == stem || format!("lib{}", own.replace('-', "_")) == stem,
        Target::File(path) => path.file_stem().is_some_and(|own| *own == *stem),
    }
}

/// Which artifacts `--bin` and the like choose.
fn choice(target: &TargetChoice) -> Result<impl Fn(&Target) -> bool + '_> {
    if matches!(target, TargetChoice::Test(_) | TargetChoice::Bench(_)) {
        return Err(Error::usage(
            "budgets are for binaries, libraries, examples and files",
            "leave out `--test` and `--bench`",
        ));
    }
    let is = |name: &Option<String>, own: &String| name.as_ref().is_none_or(|name| name == own);
    Ok(move |own: &Target| match (target, own) {
        (TargetChoice::Bin(name), Target::Bin(own))
        | (TargetChoice::Example(name), Target::Example(own)) => is(name, own),
        (TargetChoice::Lib, Target::Lib(_)) | (TargetChoice::Default, _) => true,
        _ => false,
    })
}

/// The rules' artifacts in their order, each with its number of rules.
fn tally(rules: &[Rule]) -> Vec<(String, u64)> {
    let mut tally: Vec<(String, u64)> = Vec::new();
    for rule in rules {
        let name = rule.target.to_string();
        match tally.iter_mut().find(|(own, _)| *own == name) {
            Some((_, count)) => *count += 1,
            None => tally.push((name, 1)),
        }
    }
    tally
}

fn listed(names: &[String]) -> String {
    let mut shown: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
