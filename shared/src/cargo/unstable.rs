//! A build that failed because it needs a nightly compiler: cargo has shown rustc's error, which does
//! not say what to type.

use super::{Toolchain, Workspace, workspace::Candidate};
use crate::error::Error;
use std::fs;

/// Says it of a failed build of `candidates`, where the root of one asks for unstable features and the
/// compiler has none.
pub(super) fn explain(
    error: Error,
    candidates: &[Candidate],
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> Error {
    if toolchain.is_nightly() || !matches!(error, Error::Command { .. }) {
        return error;
    }
    let needs = candidates.iter().find_map(|candidate| {
        let mut members = workspace.members().into_iter();
        let package = members.find(|package| package.id.repr == candidate.package_id)?;
        let targets = package.targets.iter();
        let mut roots = targets
            .filter(|target| target.name == candidate.name)
            .map(|target| &target.src_path);
        let root = roots.find_map(|root| {
            let text = fs::read_to_string(root).ok()?;
            Some((root, unstable(&text)?.to_owned()))
        })?;
        let shown = root.0.strip_prefix(workspace.root()).unwrap_or(root.0);
        Some((shown.to_string(), root.1))
    });
    match needs {
        None => error,
        Some((root, attribute)) => error.at(
            format_args!(
                "`{root}` has `{attribute}`, which needs a nightly compiler; this is rustc {}",
                toolchain.release
            ),
            Some(
                "use one for this command: `cargo +nightly …` (`rustup toolchain install nightly` \
                 brings it), or choose another target"
                    .into(),
            ),
        ),
    }
}

/// The attribute that asks for unstable features, whatever the configuration.
fn unstable(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| line.starts_with("#![feature("))
        .and_then(|line| line.get(..=line.find(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_for_all_configurations_is_found() {
        assert_eq!(
            unstable("//! Benches\n#![feature(test)] // libtest\n"),
            Some("#![feature(test)]")
        );
        assert_eq!(unstable("// #![feature(test)]\n"), None);
        assert_eq!(unstable("#![cfg_attr(nightly, feature(test))]\n"), None);
        assert_eq!(unstable("#![feature(test\n"), None);
    }
}
