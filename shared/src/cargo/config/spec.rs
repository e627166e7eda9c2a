//! Package id specs, as the names of override tables are.

/// `name`, `name@1.2`, `name:1.2`, `url`, `url#1.2.3` or `url#name@1.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The package's name; `*` in an override for all that are no members.
    pub name: &'a str,
    /// Its version, or the beginning of one.
    pub version: Option<&'a str>,
}

impl<'a> Spec<'a> {
    /// Reads it. Whatever cargo would refuse becomes a name that no package has.
    pub fn parse(text: &'a str) -> Self {
        if !text.contains("://") {
            return Self::split(text);
        }
        let (url, fragment) = match text.split_once('#') {
            Some((url, fragment)) => (url, Some(fragment)),
            None => (text, None),
        };
        // Without a name of its own the package is named like the end of the address.
        let url = url.split('?').next().unwrap_or(url).trim_end_matches('/');
        let last = url.rsplit('/').next().unwrap_or(url);
        let last = last.strip_suffix(".git").unwrap_or(last);
        match fragment {
            Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => Self {
                name: last,
                version: Some(version),
            },
            Some(fragment) => Self::split(fragment),
            None => Self {
                name: last,
                version: None,
            },
        }
    }

    fn split(text: &'a str) -> Self {
        match text.split_once(['@', ':']) {
            Some((name, version)) => Self {
                name,
                version: Some(version),
            },
            None => Self {
                name: text,
                version: None,
            },
        }
    }

    /// Whether it names this package. A version may be cut short (`1.2` is any 1.2.x), but a
    /// pre-release must be named in full.
    pub fn matches(&self, name: &str, version: &str) -> bool {
        let fits = |wanted: &str| {
            let rest = version.strip_prefix(wanted);
            wanted == version
                || (rest.is_some_and(|rest| rest.starts_with(['.', '+'])) && !version.contains('-'))
        };
        self.name == name && self.version.is_none_or(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::Spec;

    #[test]
    fn specs_name_their_package() {
        for (text, name, version) in [
            ("serde", "serde", None),
            ("*", "*", None),
            ("serde@1.0.0", "serde", Some("1.0.0")),
            ("serde:1.0.0", "serde", Some("1.0.0")),
            ("https://example.org/index#serde@1.0", "serde", Some("1.0")),
            ("path+file:///work/app#0.1.0", "app", Some("0.1.0")),
            ("file:///work/app", "app", None),
            ("https://example.org/app.git?branch=x", "app", None),
        ] {
            assert_eq!(Spec::parse(text), Spec { name, version }, "{text}");
        }
    }

    #[test]
    fn a_version_may_be_cut_short_but_not_within_a_number() {
        let matches = |spec: &str, version: &str| Spec::parse(spec).matches("app", version);
        for (spec, version) in [("app", "0.1.0"), ("app@0.1", "0.1.0"), ("app@1", "1.12.0")] {
            assert!(matches(spec, version), "{spec} {version}");
        }
        for (spec, version) in [
            ("apple", "0.1.0"),
            ("app@0.2", "0.1.0"),
            ("app@1", "12.0.0"),
            ("app@1.0.0", "1.0.0-beta"),
        ] {
            assert!(!matches(spec, version), "{spec} {version}");
        }
        assert!(matches("app@1.0.0-beta", "1.0.0-beta"));
    }
}
