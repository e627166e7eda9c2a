//! `slim.toml`, validated. Every error names the file and the line.
//!
//! Sizes need a unit: a gate elsewhere compared 0.05 with 5 and never fired. Unknown keys are
//! errors, because a misspelt `limit` would be a budget without one.

use codecost::{
    Error, Result,
    cargo::config::line_of,
    pattern::{self, Pattern as Regex},
    units::{Bytes, Limit},
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};
use toml_edit::{Document, Item, Key, Table};

/// The file.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
    /// The rules in the order of the file.
    pub rules: Vec<Rule>,
}

/// One entry of the file.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line that it begins on.
    pub line: usize,
    /// The artifact.
    pub target: Target,
    /// The package of the artifact, where the name alone is not enough.
    pub package: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// What it asks for.
    pub wanted: Wanted,
}

/// What a rule asks for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// At most so many bytes.
    Budget(Budget),
    /// None at all.
    Forbid(Forbid),
}

/// `[[budget]]`.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The how-manieth `[[budget]]` of the file it is.
    pub index: usize,
    /// What is measured.
    pub measure: Measure,
    /// The most that it may be.
    pub limit: Option<Bytes>,
    /// From where on it is worth a warning.
    pub warn: Option<Bytes>,
    /// How much it may grow against the baseline.
    pub growth: Option<Limit>,
}

/// `[[forbid]]`.
#[derive(Clone, Debug)]
pub struct Forbid {
    /// Functions that must not be there.
    pub function: Pattern,
}

/// Which artifact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A binary.
    Bin(String),
    /// A library, by its own name or its package's.
    Lib(String),
    /// An example.
    Example(String),
    /// A file that exists, seen from the directory of the file with the budgets.
    File(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bin(name) | Self::Lib(name) | Self::Example(name) => f.pad(name),
            Self::File(path) => f.pad(&path.display().to_string()),
        }
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub enum Measure {
    /// The file as the user's profile builds it.
    File,
    /// The same with `strip = "symbols"`.
    Shipped,
    /// The file as gzip.
    Gzip,
    /// The file as zstd.
    Zstd,
    /// The file as brotli.
    Brotli,
    /// File bytes of the loaded segments.
    Flash,
    /// Memory bytes of the writable segments.
    Ram,
    /// What a region of a chip's memory holds.
    Region(String),
    /// A section of the analysis build.
    Section(String),
    /// What ships of a crate, by name or `name@version`.
    Crate(String),
    /// All bytes of a crate in the analysis build, debug information and symbols with them.
    CrateFile(String),
    /// Functions of the analysis build.
    Function(Pattern),
}

/// A regular expression over full names.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// Compiled.
    pub regex: Regex,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.pad("file"),
            Self::Shipped => f.pad("shipped"),
            Self::Gzip => f.pad("gzip"),
            Self::Zstd => f.pad("zstd"),
            Self::Brotli => f.pad("brotli"),
            Self::Flash => f.pad("flash"),
            Self::Ram => f.pad("ram"),
            Self::Region(name) => f.pad(&format!("region:{name}")),
            Self::Section(name) => f.pad(&format!("section:{name}")),
            Self::Crate(name) => f.pad(&format!("crate:{name}")),
            Self::CrateFile(name) => f.pad(&format!("crate-file:{name}")),
            Self::Function(pattern) => f.pad(&format!("function:{}", pattern.text)),
        }
    }
}

impl Measure {
    /// Whether it is measured on the analysis build.
    pub fn needs_analysis(&self) -> bool {
        matches!(
            self,
            Self::Section(_) | Self::Crate(_) | Self::CrateFile(_) | Self::Function(_)
        )
    }
}

impl Rule {
    /// Whether it needs the analysis build.
    pub fn needs_analysis(&self) -> bool {
        match &self.wanted {
            Wanted::Budget(budget) => budget.measure.needs_analysis(),
            Wanted::Forbid(_) => true,
        }
    }
}

const NAME: &str = "slim.toml";
const EXAMPLE: &str = "write one:\n  [[budget]]\n  bin = \"NAME\"\n  measure = \"shipped\"\n  \
                       limit = \"2 MiB\"";

impl Config {
    /// Reads `path`, or the nearest `slim.toml` from `directory` upward.
    ///
    /// # Errors
    ///
    /// A usage error: there is none, or it is not valid.
    pub fn load(path: Option<&Path>, directory: &Path) -> Result<Self> {
        let path = match path {
            Some(path) => directory.join(path),
            None => {
                let mut places = directory.ancestors().map(|place| place.join(NAME));
                places.find(|place| place.is_file()).ok_or_else(|| {
                    Error::usage(
                        format_args!("there is no `{NAME}` here or above"),
                        format_args!("{EXAMPLE}\nor name the file with `--config-file`"),
                    )
                })?
            }
        };
        let text = fs::read_to_string(&path).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", path.display());
            match error.kind() {
                io::ErrorKind::NotFound => Error::usage(message, EXAMPLE),
                io::ErrorKind::IsADirectory => Error::usage(
                    message,
                    format_args!(
                        "name the file in it: `--config-file {}`",
                        path.join(NAME).display()
                    ),
                ),
                io::ErrorKind::InvalidData => {
                    Error::usage(message, "name a TOML file, which is text in UTF-8")
                }
                _ => Error::usage(message, "check that the file is readable"),
            }
        })?;
        let rules = Reader {
            path: &path,
            text: &text,
        }
        .rules()?;
        Ok(Self { path, text, rules })
    }

    /// The directory that paths in the file are relative to.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

const TARGET_KEYS: &str = "bin, lib, example, file";
const BUDGET_KEYS: [&str; 11] = [
    "bin", "lib", "example", "file", "package", "measure", "limit", "warn", "growth", "reason",
    "updated",
];
const FORBID_KEYS: [&str; 7] = [
    "bin", "lib", "example", "file", "package", "function", "reason",
];

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

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

    fn rules(&self) -> Result<Vec<Rule>> {
        let document = Document::parse(self.text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(at, message, "fix the TOML there")
        })?;
        let mut rules = Vec::new();
        for (name, item) in document.iter() {
            let at = document
                .key(name)
                .and_then(Key::span)
                .map(|span| span.start);
            let known = matches!(name, "budget" | "forbid");
            if !known {
                let hint = "the tables are [[budget]] and [[forbid]]";
                return Err(self.error(at, format_args!("`{name}` is not known here"), hint));
            }
            let Some(tables) = item.as_array_of_tables() else {
                let hint = format!("write [[{name}]] with two brackets");
                return Err(self.error(at, format_args!("`{name}` is not a list of tables"), hint));
            };
            for (index, table) in tables.iter().enumerate() {
                rules.push(self.rule(name, index, table)?);
            }
        }
        if rules.is_empty() {
            return Err(self.error(None, "there is no [[budget]] and no [[forbid]]", EXAMPLE));
        }
        rules.sort_by_key(|rule| rule.line);
        Ok(rules)
    }

    fn rule(&self, kind: &str, index: usize, table: &Table) -> Result<Rule> {
        let keys: &[&str] = match kind {
            "budget" => &BUDGET_KEYS,
            _ => &FORBID_KEYS,
        };
        for (key, _) in table.iter() {
            if !keys.contains(&key) {
                let at = table.key(key).and_then(Key::span).map(|span| span.start);
                let message = format!("`{key}` is not a key of [[{kind}]]");
                return Err(self.error(at, message, format!("the keys are: {}", keys.join(", "))));
            }
        }
        let at = table.span().map(|span| span.start);
        let wanted = match kind {
            "budget" => Wanted::Budget(self.budget(index, table)?),
            _ => {
                let (text, at) =
                    self.required(table, kind, "function", "\"core::fmt::float::.*\"")?;
                Wanted::Forbid(Forbid {
                    function: self.pattern(text, text, at)?,
                })
            }
        };
        Ok(Rule {
            line: line_of(self.text, at.unwrap_or_default()),
            target: self.target(kind, table)?,
            package: self.text(table, "package")?.map(|(text, _)| text.into()),
            reason: self.text(table, "reason")?.map(|(text, _)| text.into()),
            wanted,
        })
    }

    fn budget(&self, index: usize, table: &Table) -> Result<Budget> {
        let (measure, at) = self.required(table, "budget", "measure", "\"shipped\"")?;
        let measure = self.measure(measure, at)?;
        let bytes = |key: &str| -> Result<Option<(Bytes, Option<usize>)>> {
            let Some((text, at)) = self.text(table, key)? else {
                return Ok(None);
            };
            match text.parse::<Bytes>() {
                Ok(bytes) => Ok(Some((bytes, at))),
                Err(error) => Err(self.error(at, format_args!("`{key}`: {error}"), UNITS)),
            }
        };
        // Why `--update` changed the limit last: for people.
        self.text(table, "updated")?;
        let limit = bytes("limit")?.map(|(limit, _)| limit);
        let warn = bytes("warn")?;
        let growth = match self.text(table, "growth")? {
            None => None,
            Some((text, at)) => match text.parse::<Limit>() {
                Ok(growth) => Some(growth),
                Err(error) => {
                    return Err(self.error(at, format_args!("`growth`: {error}"), UNITS));
                }
            },
        };
        if let (Some(limit), Some((warn, at))) = (limit, warn)
            && warn > limit
        {
            let hint = "a warning comes before the limit: make `warn` smaller than `limit`";
            return Err(self.error(at, "`warn` is above `limit`", hint));
        }
        let warn = warn.map(|(warn, _)| warn);
        if limit.is_none() && warn.is_none() && growth.is_none() {
            let at = table.span().map(|span| span.start);
            let hint = "give it `limit = \"2 MiB\"`, `growth = \"50 KiB\"` or both";
            return Err(self.error(at, "this [[budget]] limits nothing", hint));
        }
        Ok(Budget {
            index,
            measure,
            limit,
            warn,
            growth,
        })
    }

    fn target(&self, kind: &str, table: &Table) -> Result<Target> {
        let mut found = None;
        for key in ["bin", "lib", "example", "file"] {
            let Some((name, at)) = self.text(table, key)? else {
                continue;
            };
            let name = name.to_owned();
            let target = match key {
                "bin" => Target::Bin(name),
                "lib" => Target::Lib(name),
                "example" => Target::Example(name),
                _ => Target::File(name.into()),
            };
            if found.replace(target).is_some() {
                let hint = "give each artifact a table of its own";
                return Err(self.error(at, "one artifact is wanted, and here are two", hint));
            }
        }
        found.ok_or_else(|| {
            let at = table.span().map(|span| span.start);
            let hint = format!("name it with one of: {TARGET_KEYS}");
            self.error(at, format_args!("this [[{kind}]] names no artifact"), hint)
        })
    }

    fn measure(&self, text: &str, at: Option<usize>) -> Result<Measure> {
        let plain = match text {
            "file" => Some(Measure::File),
            "shipped" => Some(Measure::Shipped),
            "gzip" => Some(Measure::Gzip),
            "zstd" => Some(Measure::Zstd),
            "brotli" => Some(Measure::Brotli),
            "flash" => Some(Measure::Flash),
            "ram" => Some(Measure::Ram),
            _ => None,
        };
        if let Some(measure) = plain {
            return Ok(measure);
        }
        match text.split_once(':') {
            Some(("region", name)) if !name.is_empty() => Ok(Measure::Region(name.into())),
            Some(("section", name)) if !name.is_empty() => Ok(Measure::Section(name.into())),
            Some(("crate", name)) if !name.is_empty() => Ok(Measure::Crate(name.into())),
            Some(("crate-file", name)) if !name.is_empty() => Ok(Measure::CrateFile(name.into())),
            Some(("function", name)) if !name.is_empty() => {
                let inner = name
                    .strip_prefix('/')
                    .and_then(|name| name.strip_suffix('/'));
                let regex = match inner {
                    Some(inner) => inner.to_owned(),
                    // Without slashes it is one function's name.
                    None => format!("^{}$", pattern::escape(name)),
                };
                Ok(Measure::Function(self.pattern(name, &regex, at)?))
            }
            _ => Err(self.error(
                at,
                format_args!("`{text}` is not a measure"),
                "measures are: file, shipped, gzip, zstd, brotli, flash, ram, region:FLASH, section:.text, \
                 crate:serde_json, crate-file:serde_json, function:/regex/",
            )),
        }
    }

    fn pattern(&self, text: &str, regex: &str, at: Option<usize>) -> Result<Pattern> {
        let regex = Regex::new(regex).map_err(|reason| {
            self.error(
                at,
                format_args!("`{text}` is not a regular expression: {reason}"),
                "escape a literal character with a backslash, for example `\\\\[` or `\\\\(`",
            )
        })?;
        Ok(Pattern {
            text: text.into(),
            regex,
        })
    }

    fn required<'t>(
        &self,
        table: &'t Table,
        kind: &str,
        key: &str,
        example: &str,
    ) -> Result<(&'t str, Option<usize>)> {
        self.text(table, key)?.ok_or_else(|| {
            let at = table.span().map(|span| span.start);
            let hint = format!("for example `{key} = {example}`");
            self.error(at, format_args!("this [[{kind}]] has no `{key}`"), hint)
        })
    }

    /// A text of the table, and where it stands.
    fn text<'t>(&self, table: &'t Table, key: &str) -> Result<Option<(&'t str, Option<usize>)>> {
        let Some(item) = table.get(key) else {
            return Ok(None);
        };
        let at = Item::span(item).map(|span| span.start);
        match item.as_str() {
            Some(text) => Ok(Some((text, at))),
            None if matches!(key, "limit" | "warn" | "growth") => {
                Err(self.error(at, format_args!("`{key}` has no unit"), UNITS))
            }
            None => Err(self.error(
                at,
                format_args!("`{key}` is not a text in quotes"),
                match key {
                    // `true`, as in a manifest, would say nothing of which one.
                    "bin" | "lib" | "example" | "file" => {
                        format!("write its name: `{key} = \"{}\"`", example_of(key))
                    }
                    _ => format!("quote it: `{key} = \"…\"`"),
                },
            )),
        }
    }
}

/// What such an artifact may be called.
fn example_of(key: &str) -> &'static str {
    match key {
        "lib" => "my_capi",
        "example" => "demo",
        "file" => "dist/app.elf",
        _ => "app",
    }
}

const UNITS: &str = "write a size with its unit, such as \"512 B\", \"50 KiB\" or \"4.5 MiB\" \
                     (`growth` also takes \"2%\")";

#[cfg(test)]
mod tests;
