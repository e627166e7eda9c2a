//! What a change does in this project, as far as its settings say so.

use super::change::Change;
use crate::knob::{About, Assignment, Key};
use crate::project::Project;

impl Change {
    /// What is said of the change: of its value, and where the project's own settings make a known
    /// difference, of that.
    pub fn about(&self, project: &Project) -> About {
        let Assignment::Key(setting) = &self.assignment else {
            return self.knob().about();
        };
        let about = setting.key.about_value(&setting.value);
        if setting.key == Key::Strip && has_debug_information(project) {
            return About {
                size: "\u{2212}80\u{2026}\u{2212}92 %: the program has debug information now",
                ..about
            };
        }
        about
    }
}

/// Whether the program as it is has debug information: its own, or the standard library's, which
/// cargo strips only where `strip` is left to it.
fn has_debug_information(project: &Project) -> bool {
    let strip = project.setting(None, Key::Strip);
    strip.is_some_and(|s| Key::Strip.canonical(&s.value) == "none")
}
