//! What flags for the linker do to the profile's `strip`.
//!
//! rustc hands `strip` to the linker as `--strip-debug` or `--strip-all`, before the user's link
//! arguments, and of these the last counts. A bare `-s` is the compiler driver's own: it puts it
//! before everything else, so that it counts only where rustc passes nothing (rustc 1.95 with gcc and
//! lld).

use super::options::CodegenOption;

/// What decides `strip` in the profile's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stripped {
    /// The value that the profile would have to have.
    pub(super) value: &'static str,
    /// The flag.
    pub(super) text: String,
}

/// The link argument that strips, or that keeps symbols, whatever the profile's `strip`, which is
/// `own`, says. Known for targets that link through a compiler driver.
pub(super) fn strip<'a>(
    options: impl IntoIterator<Item = &'a CodegenOption>,
    triple: &str,
    own: &str,
) -> Option<Stripped> {
    if !triple.contains("-linux-") && !triple.contains("bsd") {
        return None;
    }
    let mut last = None;
    let mut bare = None;
    // `-Xlinker -s` is one argument in two.
    let mut is_handed_on = false;
    for option in options {
        let value = option.value.as_deref().unwrap_or_default();
        let words: Vec<&str> = match option.name.as_str() {
            "link-arg" => vec![value],
            "link-args" => value.split_whitespace().collect(),
            _ => continue,
        };
        for word in words {
            let to_linker: Vec<&str> = match word.strip_prefix("-Wl,") {
                Some(list) => list.split(',').collect(),
                None if is_handed_on => vec![word],
                None => Vec::new(),
            };
            is_handed_on = word == "-Xlinker";
            let found = to_linker.into_iter().rev().find_map(meaning);
            let text = option.text.clone();
            if let Some(value) = found {
                last = Some(Stripped { value, text });
            } else if word == "-s" {
                let value = "symbols";
                bare = Some(Stripped { value, text });
            }
        }
    }
    last.or(bare.filter(|_| own == "none"))
}

/// The profile's value for an option of the linker.
fn meaning(option: &str) -> Option<&'static str> {
    match option {
        "-s" | "--strip-all" | "-strip-all" => Some("symbols"),
        "-S" | "--strip-debug" | "-strip-debug" => Some("debuginfo"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::strip;
    use crate::cargo::config::codegen_options;

    /// The value for flags, beside the profile's own.
    fn value(flags: &[&str], own: &str) -> Option<&'static str> {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        strip(&codegen_options(&flags), "x86_64-unknown-linux-gnu", own).map(|s| s.value)
    }

    #[test]
    fn the_last_argument_for_the_linker_counts() {
        assert_eq!(value(&["-Clink-arg=-Wl,-s"], "debuginfo"), Some("symbols"));
        let spelled = ["-C", "link-args=-pie -Wl,--gc-sections,--strip-all"];
        assert_eq!(value(&spelled, "none"), Some("symbols"));
        let both = ["-Clink-arg=-Wl,-s", "-Clink-arg=-Wl,-S"];
        assert_eq!(value(&both, "symbols"), Some("debuginfo"));
        let split = ["-Clink-arg=-Xlinker", "-Clink-arg=-s"];
        assert_eq!(value(&split, "debuginfo"), Some("symbols"));
        assert_eq!(value(&["-Clink-arg=-Wl,-x", "-Cstrip=none"], "none"), None);
    }

    #[test]
    fn the_drivers_own_counts_only_alone() {
        assert_eq!(value(&["-Clink-arg=-s"], "none"), Some("symbols"));
        assert_eq!(value(&["-Clink-arg=-s"], "debuginfo"), None);
        let options = codegen_options(&["-Clink-arg=-s".to_owned()]);
        assert_eq!(strip(&options, "aarch64-apple-darwin", "none"), None);
    }
}
