//! Codegen options as they are written in rustflags.

/// One `-C name=value`, or what `-O` and `-g` stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodegenOption {
    /// The name: `opt-level`.
    pub name: String,
    /// What follows the `=`.
    pub value: Option<String>,
    /// How it was written.
    pub text: String,
}

/// The codegen options in a list of rustc arguments, in order; both `-Cx=y` and `-C x=y`.
pub fn codegen_options(flags: &[String]) -> Vec<CodegenOption> {
    let mut options = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let (body, text) = if flag == "-C" || flag == "--codegen" {
            let Some(body) = flags.next() else { break };
            (body.as_str(), format!("{flag} {body}"))
        } else if let Some(body) = flag
            .strip_prefix("--codegen=")
            .or_else(|| flag.strip_prefix("-C"))
        {
            (body, flag.clone())
        } else if flag == "-O" {
            ("opt-level=3", flag.clone())
        } else if flag == "-g" {
            ("debuginfo=2", flag.clone())
        } else {
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        options.push(CodegenOption {
            name: name.replace('_', "-"),
            value,
            text,
        });
    }
    options
}

/// The profile key that a codegen option defeats.
pub(super) fn profile_key(option: &str) -> Option<&str> {
    match option {
        "debuginfo" => Some("debug"),
        "opt-level" | "lto" | "codegen-units" | "panic" | "strip" | "overflow-checks"
        | "debug-assertions" | "split-debuginfo" | "rpath" => Some(option),
        _ => None,
    }
}

/// The last option of this name, which is on or off, and whether it is on.
pub(super) fn last_switch<'a>(
    options: impl DoubleEndedIterator<Item = &'a CodegenOption>,
    name: &str,
) -> Option<(bool, &'a CodegenOption)> {
    let option = options.rev().find(|option| option.name == name)?;
    let is_on = !matches!(option.value.as_deref(), Some("no" | "n" | "off" | "false"));
    Some((is_on, option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_read() {
        let flags: Vec<String> = [
            "-Copt-level=1",
            "-C",
            "lto=thin",
            "--cfg",
            "x",
            "-O",
            "--codegen=panic=abort",
            "-C",
        ]
        .map(str::to_owned)
        .to_vec();
        let found: Vec<(String, Option<String>)> = codegen_options(&flags)
            .into_iter()
            .map(|o| (o.name, o.value))
            .collect();
        let expected = [
            ("opt-level", "1"),
            ("lto", "thin"),
            ("opt-level", "3"),
            ("panic", "abort"),
        ]
        .map(|(n, v)| (n.to_owned(), Some(v.to_owned())));
        assert_eq!(found, expected);
    }
}
