//! The user's own settings of the build, where additions must heed them.

use super::super::{
    config::{self, Inputs, Value, canonical},
    context::Context,
    rustflags::Rustflags,
    selection::Selection,
    toolchain::Toolchain,
    workspace::Workspace,
};
use std::path::PathBuf;

/// Where the user's own settings for the build are.
pub(super) struct Settings<'a> {
    pub(super) context: &'a Context,
    pub(super) selection: &'a Selection,
    pub(super) workspace: &'a Workspace,
    pub(super) toolchain: &'a Toolchain,
    pub(super) rustflags: &'a Rustflags,
}

impl Settings<'_> {
    /// The user's level of debug information, where it is at least `debug = 1`.
    pub(super) fn stronger_debug(&self) -> Option<&'static str> {
        let level = |text: &str| match text {
            "limited" | "1" => Some("1"),
            "full" | "2" => Some("2"),
            _ => None,
        };
        // A flag comes behind what the profile makes cargo pass.
        if let Some(flag) = self.rustflags.codegen("debuginfo") {
            return level(flag);
        }
        level(&canonical("debug", &self.profile_key("debug")?))
    }

    /// Whether debug information would go into files beside the program, where it need not: macOS
    /// and MSVC know nothing else.
    pub(super) fn splits_debug(&self, triple: &str) -> bool {
        if triple.contains("-apple-") || triple.contains("-windows-") {
            return false;
        }
        match self.rustflags.codegen("split-debuginfo") {
            Some(flag) => flag != "off",
            None => self
                .profile_key("split-debuginfo")
                .is_some_and(|setting| canonical("split-debuginfo", &setting) != "off"),
        }
    }

    /// The value of a key of the profile in use.
    fn profile_key(&self, key: &str) -> Option<Value> {
        let Self {
            context,
            selection,
            workspace,
            toolchain,
            rustflags: _,
        } = *self;
        let members: Vec<PathBuf> = workspace
            .members()
            .iter()
            .map(|package| package.manifest_path.clone().into())
            .collect();
        let cargo_home = context.cargo_home();
        let inputs = Inputs {
            cwd: context.directory(),
            workspace_root: workspace.root(),
            member_manifests: &members,
            cargo_home: cargo_home.as_deref(),
            environment: &context.variables(),
            cli: &selection.config,
            profile: selection.profile(),
            host: &toolchain.host,
            triple: selection.triple.as_deref(),
            // Only rustflags can depend on `cfg(…)` tables.
            cfgs: &|_| Vec::new(),
            packages: None,
            nearest: None,
        };
        // A configuration that cannot be read makes cargo fail, with a better message than ours.
        let effective = config::effective(&inputs).ok()?;
        Some(effective.get(key)?.value.clone())
    }
}
