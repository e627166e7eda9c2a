//! Code that the symbolizer found no name or line for, by the file that it is in.

use super::{super::shares::Shares, MOST_UNKNOWN};
use codecost::{report::Warning, units::Share};
use std::collections::BTreeMap;

/// What the symbolizer did not find, where it takes a noticeable part of the time. Of the system's
/// own libraries nothing is missed: they are charged to the caller that asked.
pub(super) fn warnings(shares: &Shares<'_>) -> Vec<Warning> {
    let (profile, symbols) = (shares.profile, shares.symbols);
    let (mut no_line, mut no_symbol) = (Blind::default(), Blind::default());
    for (stack, weight) in shares.ends() {
        let own = shares.settled[stack].own;
        let owner = shares
            .function(own)
            .and_then(|function| shares.owner(function))
            .and_then(|owner| symbols.crates.get(owner.0 as usize));
        if owner.is_some_and(|owner| owner.system) {
            continue;
        }
        let frame = profile.stacks.get(stack).map(|node| node.frame);
        let frame = frame.and_then(|frame| profile.frames.get(frame.0 as usize));
        let module = frame.and_then(|frame| profile.modules.get(frame.module.0 as usize));
        let Some(module) = module else { continue };
        let is_in = |list: &[(String, u64)]| list.iter().any(|(name, _)| *name == module.name);
        // A crate of a name that no catalogue knows has a name.
        if owner.is_none_or(|owner| owner.name == "[unknown]") {
            if is_in(&symbols.gaps.no_symbol) {
                no_symbol.add(&module.name, weight.samples);
            }
        } else if is_in(&symbols.gaps.no_debug_info)
            && shares.scope(own).is_none_or(|scope| scope.line.is_none())
        {
            no_line.add(&module.name, weight.samples);
        }
    }
    let share = |samples: u64| Share::of(samples, shares.total.samples);
    let mut warnings = Vec::new();
    if share(no_line.samples).0 > MOST_UNKNOWN {
        warnings.push(
            Warning::new(
                "no-debug-info",
                format!(
                    "{} of the samples are in code of {} without debug information: \
                     no inlined functions, no lines",
                    share(no_line.samples),
                    no_line.names()
                ),
            )
            .help("build with `debug = 1`, or let `cargo hotspots --bin NAME` build it")
            .count(no_line.samples),
        );
    }
    if share(no_symbol.samples).0 > MOST_UNKNOWN {
        warnings.push(
            Warning::new(
                "no-symbol",
                format!(
                    "{} of the samples are in code of {} without a symbol",
                    share(no_symbol.samples),
                    no_symbol.names()
                ),
            )
            .help(remedy(no_symbol.largest()))
            .count(no_symbol.samples),
        );
    }
    warnings
}

/// What gives a file its symbols: a program is the user's own, a library the system's.
fn remedy(module: &str) -> &'static str {
    let is_library =
        module.contains(".so") || module.ends_with(".dylib") || module.ends_with(".dll");
    match is_library {
        true => "install the debug symbols of that library, or build it without `strip`",
        false => "build the program without `strip`, or put its debug file beside it",
    }
}

/// Modules of which something is not known, and the samples in it.
#[derive(Default)]
struct Blind {
    samples: u64,
    modules: BTreeMap<String, u64>,
}

impl Blind {
    fn add(&mut self, module: &str, samples: u64) {
        self.samples = self.samples.saturating_add(samples);
        let sum = self.modules.entry(module.to_owned()).or_default();
        *sum = sum.saturating_add(samples);
    }

    /// The one with the most samples.
    fn largest(&self) -> &str {
        let largest = self.modules.iter().max_by_key(|(_, samples)| **samples);
        largest.map_or("", |(name, _)| name)
    }

    /// The three with the most samples.
    fn names(&self) -> String {
        let mut names: Vec<_> = self.modules.iter().collect();
        names.sort_by_key(|(_, samples)| std::cmp::Reverse(**samples));
        let more = if names.len() > 3 { " and others" } else { "" };
        let named: Vec<_> = names
            .iter()
            .take(3)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        named.join(", ") + more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stripped program is not helped by the symbols of a library.
    #[test]
    fn the_remedy_is_for_the_file_without_symbols() {
        for module in ["app", "python3.11", "prog-0123456789abcdef"] {
            assert!(remedy(module).contains("program"), "{module}");
        }
        for module in ["libz.so.1", "libSystem.dylib", "ntdll.dll", "x.abi3.so"] {
            assert!(remedy(module).contains("library"), "{module}");
        }
    }
}
