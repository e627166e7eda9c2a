//! Progress, for work that takes long enough to make one wonder.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{ffi::OsString, sync::mpsc, thread, time::Duration};

/// Shorter work shows nothing: a bar that flashes up says less than none.
const PATIENCE: Duration = Duration::from_millis(500);
const FRAME: Duration = Duration::from_millis(100);

/// Whether the environment allows a progress display, as cargo reads it.
pub(super) fn is_wanted(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is = |name: &str, value: &str| variable(name).is_some_and(|v| v == value);
    if is("CARGO_TERM_PROGRESS_WHEN", "never") {
        return false;
    }
    !is("TERM", "dumb") && (is("CARGO_TERM_PROGRESS_WHEN", "always") || variable("CI").is_none())
}

/// A running display; it goes when this is dropped.
#[derive(Debug)]
pub struct Progress {
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    /// Dropping it wakes the thread that waits to show the bar.
    _done: mpsc::Sender<()>,
}

impl Progress {
    pub(super) fn start(text: &str, total: Option<u64>, visible: bool) -> Self {
        if !visible {
            return Self { shown: None };
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match total {
            Some(_) => "{msg:>12.cyan.bold} [{bar:25}] {pos}/{len}",
            None => "{msg:>12.cyan.bold} {spinner} {elapsed}",
        };
        // The templates are constants and valid; a plain bar is no reason to fail.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(text.to_owned());
        let (done, finished) = mpsc::channel();
        let waiting = bar.clone();
        let wait = move || {
            if finished.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout)
                && !waiting.is_finished()
            {
                waiting.set_draw_target(ProgressDrawTarget::stderr());
                waiting.enable_steady_tick(FRAME);
            }
        };
        // Without a thread there is no display, and the work goes on.
        let spawned = thread::Builder::new().name("progress".into()).spawn(wait);
        Self {
            shown: spawned.ok().map(|_| Shown { bar, _done: done }),
        }
    }

    pub(super) fn bar(&self) -> Option<ProgressBar> {
        self.shown.as_ref().map(|shown| shown.bar.clone())
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        if let Some(shown) = &self.shown {
            shown.bar.inc(steps);
        }
    }

    /// What is being done now.
    pub fn say(&self, text: &str) {
        if let Some(shown) = &self.shown {
            shown.bar.set_message(text.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shown) = &self.shown {
            shown.bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_as_cargo_would() {
        let wanted = |set: &[(&str, &str)]| {
            is_wanted(|name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, v)| v.into())
            })
        };
        assert!(wanted(&[]));
        assert!(!wanted(&[("CI", "true")]));
        assert!(!wanted(&[("TERM", "dumb")]));
        assert!(!wanted(&[("CARGO_TERM_PROGRESS_WHEN", "never")]));
        assert!(wanted(&[
            ("CI", "true"),
            ("CARGO_TERM_PROGRESS_WHEN", "always")
        ]));
    }

    #[test]
    fn short_work_ends_without_waiting_for_the_display() {
        let start = std::time::Instant::now();
        let progress = Progress::start("Testing", Some(3), true);
        progress.advance(1);
        let bar = progress.bar().unwrap();
        drop(progress);
        assert!(bar.is_finished() && bar.is_hidden());
        assert!(start.elapsed() < PATIENCE);
    }
}
