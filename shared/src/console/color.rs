//! When to write colours.

use std::{ffi::OsString, str::FromStr};

/// `--color`, as cargo has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// If stdout is a terminal and NO_COLOR is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorWhen {
    /// The value for `--color` of a program that this one starts; `None` when nobody chose.
    pub fn as_choice(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Always => Some("always"),
            Self::Never => Some("never"),
        }
    }

    /// Whether to colour: this choice, then `CARGO_TERM_COLOR`, then `NO_COLOR`, then the
    /// terminal. `variable` reads the environment.
    pub fn decide(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        let named = || variable("CARGO_TERM_COLOR")?.to_str()?.parse().ok();
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => match named() {
                Some(Self::Always) => true,
                Some(Self::Never) => false,
                Some(Self::Auto) | None => {
                    let objects = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
                    let dumb = variable("TERM").is_some_and(|value| value == "dumb");
                    is_terminal && !objects && !dumb
                }
            },
        }
    }
}

impl FromStr for ColorWhen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_cargo_which_beats_no_color_which_beats_the_terminal() {
        let decide = |flag: ColorWhen, cargo: &str, no_color: &str, terminal| {
            flag.decide(terminal, |name| match name {
                "CARGO_TERM_COLOR" if !cargo.is_empty() => Some(cargo.into()),
                "NO_COLOR" => Some(no_color.into()),
                _ => None,
            })
        };
        use ColorWhen::{Always, Auto, Never};
        assert!(decide(Always, "never", "1", false));
        assert!(!decide(Never, "always", "", true));
        assert!(decide(Auto, "always", "1", false));
        assert!(!decide(Auto, "never", "", true));
        assert!(!decide(Auto, "auto", "1", true));
        assert!(
            decide(Auto, "nonsense", "", true),
            "an empty NO_COLOR does not object"
        );
        assert!(!decide(Auto, "", "", false));
    }
}
