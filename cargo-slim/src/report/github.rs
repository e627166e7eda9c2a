//! GitHub's workflow commands and step summary ("Workflow commands for GitHub Actions").

use codecost::{Error, Result};
use std::{env, fs::File, io::Write};

/// GitHub shows so many annotations of one kind a step.
const MOST: usize = 10;
/// A step's summary may have so many bytes; ours is shorter, but other steps of the job write too.
const VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// `error`, `warning` or `notice`, at a line of a file.
pub(super) struct Annotation {
    pub(super) kind: &'static str,
    pub(super) place: Option<(String, usize)>,
    pub(super) title: String,
    pub(super) message: String,
}

/// The commands, at most ten of a kind; the tenth then says how many more there are.
pub(super) fn annotations(all: &[Annotation]) -> String {
    let mut text = String::new();
    for kind in ["error", "warning", "notice"] {
        let of_kind: Vec<_> = all
            .iter()
            .filter(|annotation| annotation.kind == kind)
            .collect();
        let fits = of_kind.len() <= MOST;
        let shown = if fits { of_kind.len() } else { MOST - 1 };
        for annotation in of_kind.iter().take(shown) {
            let mut properties = Vec::new();
            if let Some((file, line)) = &annotation.place {
                properties.push(format!("file={}", property(file)));
                properties.push(format!("line={line}"));
            }
            properties.push(format!("title={}", property(&annotation.title)));
            let properties = properties.join(",");
            text += &format!("::{kind} {properties}::{}\n", data(&annotation.message));
        }
        if !fits {
            let more = of_kind.len() - shown;
            text += &format!("::{kind} title=cargo slim::{more} more, see the summary\n");
        }
    }
    text
}

/// What a command's text must not contain.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Appends to the step's summary, where there is one.
pub(super) fn summarize(markdown: &str) -> Result<()> {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let append = || {
        let mut file = File::options().append(true).create(true).open(&path)?;
        file.write_all(markdown.as_bytes())
    };
    append().map_err(|error| Error::write(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(count: usize) -> Vec<Annotation> {
        let error = |index| Annotation {
            kind: "error",
            place: Some(("slim.toml".into(), index)),
            title: "a, b: c".into(),
            message: "100% of\nit".into(),
        };
        (1..=count).map(error).collect()
    }

    #[test]
    fn commands_are_escaped() {
        assert_eq!(
            annotations(&errors(1)),
            "::error file=slim.toml,line=1,title=a%2C b%3A c::100%25 of%0Ait\n"
        );
    }

    #[test]
    fn there_are_at_most_ten_of_a_kind() {
        assert_eq!(annotations(&errors(10)).lines().count(), 10);
        let text = annotations(&errors(30));
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("::21 more, see the summary\n"), "{text}");
    }
}
