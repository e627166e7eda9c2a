//! What rustc says of a profile while it compiles with it.
//!
//! LLVM's pass reports each function whose control flow is another than the profile's (its counts
//! are dropped), each function that the profile does not have (`-pgo-warn-missing-function`), and
//! a profile that it cannot read. rustc makes warnings of all three and goes on, so a build with a
//! damaged profile succeeds and is not optimised: only these messages tell. They have no place in
//! the source, unlike all that a program's own text can bring into a message.

use std::collections::BTreeSet;
use std::path::Path;

/// Makes rustc name the functions that the profile does not have.
pub(super) const NAME_MISSING: &str = "-Cllvm-args=-pgo-warn-missing-function";

/// The functions and faults that were named, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Functions whose counts were dropped, because their code is another now.
    pub(super) changed: BTreeSet<String>,
    /// Functions of the program that the profile does not have.
    pub(super) missing: BTreeSet<String>,
    /// Why the profile could not be used at all.
    pub(super) fault: Option<String>,
}

impl Said {
    /// From what rustc said without a place in the source in a build with `profile`.
    pub(super) fn read(messages: &[String], profile: &Path) -> Self {
        let profile = profile.display().to_string();
        let mut said = Self::default();
        for message in messages {
            let name = |mark: &str| {
                let (_, rest) = message.split_once(mark)?;
                let name = rest.split(" Hash = ").next().unwrap_or(rest);
                Some(name.trim().to_owned())
            };
            if let Some(name) = name("(hash mismatch) ").or_else(|| name("(counter mismatch) ")) {
                said.changed.insert(name);
            } else if let Some(name) = name("no profile data available for function ") {
                said.missing.insert(name);
            } else if let Some((_, fault)) = message.split_once(profile.as_str()) {
                let fault = fault.trim_start_matches(':').trim();
                said.fault.get_or_insert_with(|| fault.to_owned());
            }
        }
        said
    }

    /// Whether the counts of the profile's function `name` were dropped. Before the name of a
    /// private function the profile has its file; rustc has not.
    pub(super) fn has_changed(&self, name: &str) -> bool {
        let own = name.rsplit(';').next().unwrap_or(name);
        self.changed.contains(name) || self.changed.contains(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustcs_words_are_read() {
        let messages = [
            "dep.c283-cgu.0: function control flow change detected (hash mismatch) \
             _ZN3dep3hot17hca11a75628c2977fE Hash = 567 up to 22017435 count discarded",
            "dep.c283-cgu.0: no profile data available for function \
             dep.c283-cgu.0;_ZN3dep3new17h22f6a77abd7ae427E Hash = 146 up to 0 count discarded",
        ];
        let said = Said::read(&messages.map(str::to_owned), Path::new("/p/a.profdata"));
        let one = |name: &str| BTreeSet::from([name.to_owned()]);
        assert_eq!(said.changed, one("_ZN3dep3hot17hca11a75628c2977fE"));
        assert_eq!(
            said.missing,
            one("dep.c283-cgu.0;_ZN3dep3new17h22f6a77abd7ae427E")
        );
        assert_eq!(said.fault, None);
        let message = "/p/a.profdata: malformed instrumentation profile data".to_owned();
        let said = Said::read(&[message], Path::new("/p/a.profdata"));
        let fault = "malformed instrumentation profile data";
        assert_eq!(said.fault.as_deref(), Some(fault));
    }
}
