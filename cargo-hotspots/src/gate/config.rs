//! `hotspots.toml`, validated. Every error names the file and the line.
//!
//! ```toml
//! [gate]                    # what holds for all
//! concern = "5%"
//! action = "10%"
//! time-budget = "3m"
//! fail-on = ["attention"]
//!
//! [[benchmark]]             # what holds for some; a later table wins over an earlier one
//! name = "search/*"         # the harness's id, `*` and `?` as in the shell
//! crate = "core"            # the package of the benchmark
//! concern = "3%"
//! action = "5%"
//! accept = "8%"             # so much slower than the baseline is agreed to …
//! reason = "checks input"   # … because of this
//! require = ["throughput >= 5 GiB/s"]
//! ```
//!
//! Limits need a unit, and unknown keys are errors: a misspelt `action` would be a gate without
//! one.

use super::{
    glob::Glob,
    requirement::Requirement,
    verdict::{Limits, Status},
};
use codecost::{
    Error, Result,
    cargo::config::line_of,
    units::{Share, Time},
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use toml_edit::{Document, Item, Key, TableLike};

/// The name of the file.
pub const NAME: &str = "hotspots.toml";

/// The file, or what holds without one.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where it is.
    pub path: Option<PathBuf>,
    /// Its content.
    pub text: String,
    /// The general concern.
    pub concern: Option<f64>,
    /// The general action.
    pub action: Option<f64>,
    /// How long a gate may take.
    pub time_budget: Option<Duration>,
    /// Which statuses fail besides `fail` and `missing`.
    pub fail_on: Vec<Status>,
    /// The tables for some benchmarks, in the order of the file.
    pub rules: Vec<Rule>,
}

/// `[[benchmark]]`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line that it begins on.
    pub line: usize,
    /// The ids that it is for; all without it.
    pub name: Option<Glob>,
    /// The package that it is for; all without it.
    pub package: Option<String>,
    /// Its concern.
    pub concern: Option<f64>,
    /// Its action.
    pub action: Option<f64>,
    /// The slowdown that is agreed to.
    pub accept: Option<f64>,
    /// Why.
    pub reason: Option<String>,
    /// What it has to reach.
    pub require: Vec<Requirement>,
}

/// What holds for one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its limits, with what is agreed to added.
    pub limits: Limits,
    /// What is agreed to, and why.
    pub accepted: Option<(f64, String)>,
    /// What it has to reach.
    pub require: Vec<Requirement>,
}

impl Rule {
    /// Whether it is for this benchmark.
    pub fn matches(&self, id: &str, package: Option<&str>) -> bool {
        self.name.as_ref().is_none_or(|glob| glob.matches(id))
            && self
                .package
                .as_deref()
                .is_none_or(|own| Some(own) == package)
    }

    /// The rule as its author would recognise it.
    pub fn title(&self) -> String {
        let name = self
            .name
            .as_ref()
            .map(|glob| format!("name = `{}`", glob.as_str()));
        let package = self
            .package
            .as_ref()
            .map(|name| format!("crate = `{name}`"));
        let parts: Vec<String> = name.into_iter().chain(package).collect();
        parts.join(", ")
    }
}

impl Config {
    /// Reads `path`, or the nearest `hotspots.toml` from `directory` upward; without any, the
    /// defaults hold.
    ///
    /// # Errors
    ///
    /// A usage error: a file that was named is not there, or the file is not valid.
    pub fn load(path: Option<&Path>, directory: &Path) -> Result<Self> {
        let path = match path {
            Some(path) => directory.join(path),
            None => {
                let mut places = directory.ancestors().map(|place| place.join(NAME));
                match places.find(|place| place.is_file()) {
                    Some(found) => found,
                    None => return Ok(Self::default()),
                }
            }
        };
        let text = fs::read_to_string(&path).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", path.display());
            let hint = match error.kind() {
                io::ErrorKind::NotFound => "check the spelling of the path",
                io::ErrorKind::InvalidData => "name a TOML file, which is text in UTF-8",
                _ => "name a readable file",
            };
            Error::usage(message, hint)
        })?;
        Self::parse(&path, text)
    }

    /// Reads the text of a file at `path`.
    ///
    /// # Errors
    ///
    /// A usage error that names the line.
    pub fn parse(path: &Path, text: String) -> Result<Self> {
        let mut config = Reader { path, text: &text }.read()?;
        config.path = Some(path.to_path_buf());
        config.text = text;
        Ok(config)
    }

    /// What holds for a benchmark; `base` are the limits where the file says nothing.
    pub fn settings(&self, id: &str, package: Option<&str>, base: Limits) -> Settings {
        self.settings_under(id, package, base, [None, None])
    }

    /// The same under a concern and an action that win over the file, as flags do.
    pub fn settings_under(
        &self,
        id: &str,
        package: Option<&str>,
        base: Limits,
        [concern, action]: [Option<f64>; 2],
    ) -> Settings {
        let mut limits = Limits {
            concern: self.concern.unwrap_or(base.concern),
            action: self.action.unwrap_or(base.action),
        };
        let (mut accepted, mut require) = (None, Vec::new());
        for rule in self.rules.iter().filter(|rule| rule.matches(id, package)) {
            limits.concern = rule.concern.unwrap_or(limits.concern);
            limits.action = rule.action.unwrap_or(limits.action);
            if let Some(accept) = rule.accept {
                accepted = Some((accept, rule.reason.clone().unwrap_or_default()));
            }
            require.extend(rule.require.iter().cloned());
        }
        limits.concern = concern.unwrap_or(limits.concern);
        if let Some(action) = action {
            // What is to be acted on is of concern, too.
            limits.concern = concern.unwrap_or(limits.concern.min(action));
            limits.action = action;
        }
        // One of the two may come from the file, the other from elsewhere.
        limits.action = limits.action.max(limits.concern);
        if let Some((accept, _)) = &accepted {
            let over = |limit: f64| (1.0 + accept) * (1.0 + limit) - 1.0;
            limits = Limits {
                concern: over(limits.concern),
                action: over(limits.action),
            };
        }
        Settings {
            limits,
            accepted,
            require,
        }
    }

    /// The rules that are for none of these benchmarks, each an id and a package.
    pub fn unmatched<'a>(&self, benchmarks: &[(&'a str, Option<&'a str>)]) -> Vec<&Rule> {
        let matches = |rule: &Rule| {
            benchmarks
                .iter()
                .any(|(id, package)| rule.matches(id, *package))
        };
        self.rules.iter().filter(|rule| !matches(rule)).collect()
    }
}

const GATE_KEYS: [&str; 4] = ["concern", "action", "time-budget", "fail-on"];
const BENCHMARK_KEYS: [&str; 7] = [
    "name", "crate", "concern", "action", "accept", "reason", "require",
];
const PERCENT: &str = "write a share with its sign, such as `\"5%\"`";

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A text of the file, and where it is.
type Text<'t> = (&'t str, Option<usize>);

impl Reader<'_> {
    fn error(
        &self,
        at: Option<usize>,
        message: impl fmt::Display,
        hint: impl fmt::Display,
    ) -> Error {
        let line = line_of(self.text, at.unwrap_or_default());
        Error::usage(
            format_args!("{}:{line}: {message}", self.path.display()),
            hint,
        )
    }

    fn read(&self) -> Result<Config> {
        let document = Document::parse(self.text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(at, message, "correct the TOML at this line")
        })?;
        let mut config = Config::default();
        for (name, item) in document.iter() {
            let at = document
                .key(name)
                .and_then(Key::span)
                .map(|span| span.start);
            match name {
                "gate" => {
                    let table = item.as_table_like().ok_or_else(|| {
                        self.error(at, "`gate` is not a table", "write [gate] with one bracket")
                    })?;
                    self.gate(table, &mut config)?;
                }
                "benchmark" => {
                    let tables = item.as_array_of_tables().ok_or_else(|| {
                        let hint = "write [[benchmark]] with two brackets";
                        self.error(at, "`benchmark` is not a list of tables", hint)
                    })?;
                    for table in tables {
                        let at = table.span().map(|span| span.start);
                        config.rules.push(self.rule(table, at)?);
                    }
                }
                _ => {
                    let hint = "the tables are [gate] and [[benchmark]]";
                    return Err(self.error(at, format_args!("`{name}` is not a table here"), hint));
                }
            }
        }
        Ok(config)
    }

    fn known(&self, table: &dyn TableLike, name: &str, keys: &[&str]) -> Result<()> {
        for (key, _) in table.iter() {
            if !keys.contains(&key) {
                let at = table.key(key).and_then(Key::span).map(|span| span.start);
                let hint = format!("the keys are: {}", keys.join(", "));
                return Err(self.error(at, format_args!("`{key}` is not a key of {name}"), hint));
            }
        }
        Ok(())
    }

    fn gate(&self, table: &dyn TableLike, config: &mut Config) -> Result<()> {
        self.known(table, "[gate]", &GATE_KEYS)?;
        config.concern = self.share(table, "concern")?;
        config.action = self.share(table, "action")?;
        self.ordered(table, config.concern, config.action)?;
        if let Some((text, at)) = self.one(table, "time-budget")? {
            let time: Time = text.parse().map_err(|error| {
                self.error(
                    at,
                    format_args!("`time-budget`: {error}"),
                    "for example `\"3m\"`",
                )
            })?;
            config.time_budget = Some(time.0);
        }
        for (text, at) in self.several(table, "fail-on")? {
            let status = Status::of_name(text).ok_or_else(|| {
                let hint = "the statuses are: attention, inconclusive, new";
                self.error(at, format_args!("`{text}` is not a status"), hint)
            })?;
            config.fail_on.push(status);
        }
        Ok(())
    }

    fn rule(&self, table: &dyn TableLike, at: Option<usize>) -> Result<Rule> {
        self.known(table, "[[benchmark]]", &BENCHMARK_KEYS)?;
        let name = match self.one(table, "name")? {
            None => None,
            Some((text, at)) => Some(Glob::new(text).map_err(|_| {
                self.error(
                    at,
                    "`name` is too long for a pattern",
                    "write a shorter one",
                )
            })?),
        };
        let mut require = Vec::new();
        for (text, at) in self.several(table, "require")? {
            let parsed = Requirement::parse(text);
            require.push(parsed.map_err(|reason| {
                let hint = "a limit has a unit: ns, us, ms or s of `time`; B/s, KiB/s, MiB/s or GiB/s, \
                            or k/s, M/s or G/s, of `throughput`";
                self.error(at, format_args!("`require`: {reason}"), hint)
            })?);
        }
        let rule = Rule {
            line: line_of(self.text, at.unwrap_or_default()),
            name,
            package: self.one(table, "crate")?.map(|(text, _)| text.to_owned()),
            concern: self.share(table, "concern")?,
            action: self.share(table, "action")?,
            accept: self.share(table, "accept")?,
            reason: self
                .one(table, "reason")?
                .map(|(text, _)| text.to_owned())
                .filter(|text| !text.trim().is_empty()),
            require,
        };
        self.ordered(table, rule.concern, rule.action)?;
        if rule.name.is_none() && rule.package.is_none() {
            let hint = "give it a `name` or a `crate`; what holds for all is in [gate]";
            return Err(self.error(at, "this [[benchmark]] names none", hint));
        }
        if rule.accept.is_some() && rule.reason.is_none() {
            let hint = "write why it is agreed to: `reason = \"…\"`";
            return Err(self.error(at, "`accept` has no `reason`", hint));
        }
        Ok(rule)
    }

    fn ordered(
        &self,
        table: &dyn TableLike,
        concern: Option<f64>,
        action: Option<f64>,
    ) -> Result<()> {
        match (concern, action) {
            (Some(concern), Some(action)) if action < concern => {
                let at = table
                    .get("action")
                    .and_then(Item::span)
                    .map(|span| span.start);
                let hint = "make `action` at least as large as `concern`";
                Err(self.error(at, "`action` is below `concern`", hint))
            }
            _ => Ok(()),
        }
    }

    fn share(&self, table: &dyn TableLike, key: &str) -> Result<Option<f64>> {
        let Some((text, at)) = self.one(table, key)? else {
            return Ok(None);
        };
        let share: Share = text
            .trim_start_matches('+')
            .parse()
            .map_err(|error| self.error(at, format_args!("`{key}`: {error}"), PERCENT))?;
        let is_sensible = share.0 > 0.0 && share.0 <= 10.0;
        if !is_sensible {
            let hint = "write a share above 0% and at most 1000%";
            return Err(self.error(at, format_args!("`{key}` is `{text}`"), hint));
        }
        Ok(Some(share.0))
    }

    fn one<'t>(&self, table: &'t dyn TableLike, key: &str) -> Result<Option<Text<'t>>> {
        let Some(item) = table.get(key) else {
            return Ok(None);
        };
        let at = item.span().map(|span| span.start);
        match item.as_str() {
            Some(text) => Ok(Some((text, at))),
            None => {
                let hint = match key {
                    "concern" | "action" | "accept" => PERCENT,
                    _ => "write it in quotes",
                };
                Err(self.error(at, format_args!("`{key}` is not a text"), hint))
            }
        }
    }

    /// A text, or a list of them.
    fn several<'t>(&self, table: &'t dyn TableLike, key: &str) -> Result<Vec<Text<'t>>> {
        let Some(array) = table.get(key).and_then(Item::as_array) else {
            return Ok(self.one(table, key)?.into_iter().collect());
        };
        let texts = array.iter().map(|value| {
            let at = value.span().map(|span| span.start);
            let text = value.as_str().map(|text| (text, at));
            text.ok_or_else(|| {
                let message = format!("`{key}` has an entry that is not a text");
                self.error(at, message, "write each in quotes")
            })
        });
        texts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(Path::new("hotspots.toml"), text.to_owned())
    }

    const FILE: &str = r#"
[gate]
concern = "4%"
action = "8%"
time-budget = "3m"
fail-on = ["attention", "new"]

[[benchmark]]
crate = "core"
action = "5%"

[[benchmark]]
name = "search/*"
accept = "10%"
reason = "checks its input"
require = "time <= 10 us"

[[benchmark]]
name = "search/slow"
concern = "20%"
"#;

    #[test]
    fn the_last_table_that_matches_wins_for_each_key() {
        let config = parse(FILE).unwrap();
        assert_eq!(config.time_budget, Some(Duration::from_secs(180)));
        assert_eq!(config.fail_on, [Status::Attention, Status::New]);
        let of = |id: &str, package: &str| config.settings(id, Some(package), Limits::default());
        let limits = |concern: f64, action: f64| Limits { concern, action };
        assert_eq!(of("other", "app").limits, limits(0.04, 0.08));
        assert_eq!(of("other", "core").limits, limits(0.04, 0.05));
        let accepted = of("search/a", "app");
        // 1.10 * 1.04 and 1.10 * 1.08.
        assert!((accepted.limits.concern - 0.144).abs() < 1e-9);
        assert!((accepted.limits.action - 0.188).abs() < 1e-9);
        assert_eq!(accepted.accepted, Some((0.1, "checks its input".into())));
        assert_eq!(accepted.require.len(), 1);
        // An action below its concern cannot be meant.
        let slow = of("search/slow", "core").limits;
        assert!((slow.concern - 0.32).abs() < 1e-9 && (slow.action - 0.32).abs() < 1e-9);
        let unmatched = config.unmatched(&[("search/a", Some("app"))]);
        assert_eq!(unmatched.len(), 2);
        assert_eq!(unmatched[0].title(), "crate = `core`");
    }

    #[test]
    fn flags_win_over_every_table_and_over_the_defaults() {
        let file = "[gate]\nconcern = \"2%\"\naction = \"30%\"\n\
                    [[benchmark]]\nname = \"search/*\"\nconcern = \"4%\"\naction = \"40%\"\n";
        let config = parse(file).unwrap();
        let of = |config: &Config, flags| {
            let settings =
                config.settings_under("search/a", Some("core"), Limits::default(), flags);
            (settings.limits.concern, settings.limits.action)
        };
        assert_eq!(of(&config, [None, None]), (0.04, 0.4));
        assert_eq!(of(&config, [Some(0.01), Some(0.02)]), (0.01, 0.02));
        let none = Config::default();
        assert_eq!(of(&none, [None, Some(0.03)]), (0.03, 0.03));
        assert_eq!(of(&none, [Some(0.2), None]), (0.2, 0.2));
        assert_eq!(of(&none, [None, None]), (0.05, 0.10));
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let empty = tempfile::tempdir().unwrap();
        let config = Config::load(None, empty.path()).unwrap();
        let settings = config.settings("x", None, Limits::default());
        assert_eq!(settings.limits, Limits::default());
        let missing = Config::load(Some(Path::new("x.toml")), empty.path());
        assert_eq!(missing.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, part) in [
            (
                "[gate]\nconcern = 5",
                "hotspots.toml:2: `concern` is not a text",
            ),
            ("[gate]\nconcern = \"5\"", ":2: `concern`: `5` has no unit"),
            ("[gate]\nconcern = \"0%\"", ":2: `concern` is `0%`"),
            (
                "[gate]\naktion = \"5%\"",
                ":2: `aktion` is not a key of [gate]",
            ),
            (
                "[gate]\nconcern = \"9%\"\naction = \"5%\"",
                ":3: `action` is below",
            ),
            (
                "[gate]\nfail-on = [\"sometimes\"]",
                ":2: `sometimes` is not a status",
            ),
            ("[gate]\ntime-budget = \"3\"", ":2: `time-budget`"),
            ("gate = 1", ":1: `gate` is not a table"),
            ("[benchmark]\nname = \"x\"", ":1: `benchmark` is not a list"),
            (
                "[[benchmark]]\nconcern = \"5%\"",
                ":1: this [[benchmark]] names none",
            ),
            (
                "[[benchmark]]\nname = \"x\"\naccept = \"5%\"",
                ":1: `accept` has no `reason`",
            ),
            (
                "[[benchmark]]\nname = \"x\"\nrequire = [\"p42 <= 1 us\"]",
                ":3: `require`: `p42`",
            ),
            (
                "[[benchmark]]\nname = \"x\"\nrequire = [1]",
                ":3: `require` has an entry",
            ),
            ("x = 1", ":1: `x` is not a table here"),
            ("[", ":1: "),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
