//! What gates say to GitHub: annotations on lines of files, and the summary of a step.
//!
//! From "Workflow commands for GitHub Actions": a command is a line on standard output; the
//! summary is a file of Markdown that steps append to.

use crate::error::{Error, Result};
use std::{
    env,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

/// GitHub shows this many annotations of one kind for each step.
const MOST: usize = 10;

/// How serious an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What makes the gate fail.
    Error,
    /// What should be looked at.
    Warning,
    /// What is good to know.
    Notice,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Notice];

    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// A message at a line of a file, or at none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// How serious it is.
    pub kind: Kind,
    /// The file as [`path`] gives it, and the line, counted from 1.
    pub place: Option<(String, usize)>,
    /// The title, in bold above the message.
    pub title: String,
    /// The message.
    pub message: String,
}

/// The commands for `all`, the most serious first, at most ten of a kind. The tenth of more says
/// how many are left, under the title `tool`.
pub fn annotations(tool: &str, all: &[Annotation]) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = all.iter().filter(|one| one.kind == kind).collect();
        let fits = of_kind.len() <= MOST;
        let shown = if fits { of_kind.len() } else { MOST - 1 };
        let command = kind.command();
        for annotation in of_kind.iter().take(shown) {
            let mut properties = Vec::new();
            if let Some((file, line)) = &annotation.place {
                properties.push(format!("file={}", property(file)));
                properties.push(format!("line={line}"));
            }
            properties.push(format!("title={}", property(&annotation.title)));
            let properties = properties.join(",");
            let message = data(&annotation.message);
            text += &format!("::{command} {properties}::{message}\n");
        }
        if !fits {
            let (tool, more) = (property(tool), of_kind.len() - shown);
            text += &format!("::{command} title={tool}::{more} more, see the summary\n");
        }
    }
    text
}

/// `file` as GitHub wants it: below the repository, which is where steps start, with slashes.
pub fn path(file: &Path) -> String {
    let root = env::var_os("GITHUB_WORKSPACE").filter(|root| !root.is_empty());
    let root = root.map(PathBuf::from).or_else(|| env::current_dir().ok());
    let below = root.as_ref().and_then(|root| file.strip_prefix(root).ok());
    below.unwrap_or(file).to_string_lossy().replace('\\', "/")
}

/// Appends to the step's summary; outside a workflow there is none, and nothing is done.
///
/// # Errors
///
/// [`Error::Write`] with the path of the summary.
pub fn summarize(markdown: &str) -> Result<()> {
    let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let append = || {
        let mut file = File::options().append(true).create(true).open(&path)?;
        file.write_all(markdown.as_bytes())
    };
    append().map_err(|error| Error::write(&path, error))
}

/// The message of a command, without what would end it.
pub fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a command, without what would end it.
pub fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(count: usize) -> Vec<Annotation> {
        let error = |index| Annotation {
            kind: Kind::Error,
            place: Some(("slim.toml".into(), index)),
            title: "a, b: c".into(),
            message: "100% of\nit".into(),
        };
        (1..=count).map(error).collect()
    }

    #[test]
    fn commands_are_escaped() {
        assert_eq!(
            annotations("cargo slim", &errors(1)),
            "::error file=slim.toml,line=1,title=a%2C b%3A c::100%25 of%0Ait\n"
        );
    }

    #[test]
    fn there_are_at_most_ten_of_a_kind() {
        let tool = "cargo slim";
        assert_eq!(annotations(tool, &errors(10)).lines().count(), 10);
        let text = annotations(tool, &errors(30));
        assert_eq!(text.lines().count(), 10);
        assert!(
            text.ends_with("::error title=cargo slim::21 more, see the summary\n"),
            "{text}"
        );
    }

    #[test]
    fn errors_come_first() {
        let mut all = errors(1);
        all.insert(
            0,
            Annotation {
                kind: Kind::Notice,
                place: None,
                title: "t".into(),
                message: "m".into(),
            },
        );
        let text = annotations("cargo slim", &all);
        assert!(text.starts_with("::error "), "{text}");
        assert!(text.ends_with("::notice title=t::m\n"), "{text}");
    }
}
