//! Numbers of an earlier moment, without the program: hyperfine's, or a directory of Criterion's.

use super::{Before, Unpaired, Work};
use crate::gate::{harness::Measured, process::Failure, sides::Side, verdict::Status};
use codecost::{Error, Result};

/// Numbers of an earlier moment, without the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// By the benchmark's id.
    pub of: Vec<(String, std::result::Result<Measured, Failure>)>,
    /// The gravest that can be said by them.
    pub at_most: Status,
    /// Whether all benchmarks were asked for, so that one that is not there now is missing.
    pub complete: bool,
}

impl Work<'_> {
    /// Only numbers are there of the earlier side.
    pub(super) fn numbers(&mut self, index: usize, current: Side, numbers: &Numbers) -> Result<()> {
        let after = match self.list(&current)? {
            Ok(ids) => self.wanted(&current.target, ids),
            Err(failure) => {
                let reason = format!("the current side {failure}");
                self.unpaired(&current, &current.target, Status::Missing, reason);
                return Ok(());
            }
        };
        let mut copies = None;
        for id in &after {
            let mut all = numbers.of.iter().enumerate();
            let of = all.find(|(_, (own, _))| current.program.is_called(own, id));
            self.found.extend(of.map(|(at, _)| at));
            match of.map(|(_, of)| of) {
                None => {
                    let reason = "the baseline has no such benchmark";
                    self.unpaired(&current, id, Status::New, reason);
                }
                Some((_, Err(failure))) => {
                    let reason = format!("the baseline {failure}");
                    self.unpaired(&current, id, Status::Missing, reason);
                }
                Some((_, Ok(measured))) => {
                    if copies.is_none() {
                        copies = Some([
                            self.copy(index, 2, &current.program)?,
                            self.copy(index, 3, &current.program)?,
                        ]);
                    }
                    if let Some(copies) = &copies {
                        // How a sample was taken then is not compared: the cap says enough.
                        let before = Before::Numbers(Measured {
                            mode: None,
                            ..measured.clone()
                        });
                        self.add(id, &current, before, copies.clone(), numbers.at_most);
                    }
                }
            }
        }
        Ok(())
    }

    /// Numbers of benchmarks that are not here: missing, where all were asked for; else their names.
    pub(super) fn without_successor(&mut self, numbers: &Numbers) -> Result<Vec<String>> {
        let names = numbers.of.iter().map(|(name, _)| name.as_str());
        let left = names
            .enumerate()
            .filter(|(at, name)| !self.found.contains(at) && (self.preparation.wanted)(name))
            .map(|(_, name)| name.to_owned());
        let left: Vec<String> = left.collect();
        if self.found.is_empty() && self.left_out.is_empty() && !left.is_empty() {
            const SHOWN: usize = 5;
            let shown: Vec<String> = left
                .iter()
                .take(SHOWN)
                .map(|name| format!("`{name}`"))
                .collect();
            let more = match left.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(Error::failed(
                "the baseline has no number of a benchmark that is run here",
                format_args!("it has: {}{more}", shown.join(", ")),
            ));
        }
        if !numbers.complete {
            return Ok(left);
        }
        self.unpaired.extend(left.into_iter().map(|id| Unpaired {
            id,
            target: String::new(),
            package: None,
            status: Status::Missing,
            reason: "the current side has no such benchmark; it may have been renamed".into(),
        }));
        Ok(Vec::new())
    }
}
