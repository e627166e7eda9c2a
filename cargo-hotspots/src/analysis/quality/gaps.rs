//! Code that the symbolizer found no name or line for, by the file that it is in.

use super::{super::shares::Shares, MOST_UNKNOWN};
use codecost::{
    report::Warning,
    units::{Share, counted},
};
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
        // Of a file that is not here, or another build, that is what is said.
        let Some(module) = module.filter(|module| module.problem.is_none()) else {
            continue;
        };
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
    let mut warnings: Vec<Warning> = shared_debug(shares).into_iter().collect();
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
            .help(no_line.help(
                "build with `debug = 1`, or let `cargo hotspots --bin NAME` build it",
                "install the debug information of that library",
            ))
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
            .help(no_symbol.help(
                "the program was stripped: build it without `strip`, or let `cargo hotspots --bin NAME` \
                 build it; its separate debug file, where there is one, belongs beside it",
                "install the debug symbols of that library, or build it without `strip`",
            ))
            .count(no_symbol.samples),
        );
    }
    warnings
}

/// Where parts of the debug information are in a file that is not here.
fn shared_debug(shares: &Shares<'_>) -> Option<Warning> {
    let missing = &shares.symbols.gaps.no_shared_debug;
    let (module, file) = missing.first()?;
    let more = match missing.len() as u64 - 1 {
        0 => String::new(),
        more => format!(" (and {} likewise)", counted(more, "file")),
    };
    let message = format!(
        "parts of the debug information of `{module}` were moved to `{file}`, which is not here or \
         another build's{more}: functions have the names of its symbols, and some inlined functions \
         and lines are missing"
    );
    let help = "install the file, which `dwz` has made: distributions have it in the packages with \
                debug information";
    let warning = Warning::new("shared-debug-info", message).help(help);
    Some(warning.count(missing.len() as u64))
}

/// Modules of which something is not known, and the samples in it.
#[derive(Default)]
struct Blind {
    samples: u64,
    modules: BTreeMap<String, u64>,
}

impl Blind {
    /// Adds samples of a module.
    fn add(&mut self, module: &str, samples: u64) {
        self.samples = self.samples.saturating_add(samples);
        let sum = self.modules.entry(module.to_owned()).or_default();
        *sum = sum.saturating_add(samples);
    }

    /// What to do, by whether most of it is in programs or in libraries.
    fn help(&self, of_programs: &str, of_libraries: &str) -> String {
        let in_libraries = self.modules.iter().filter(|(name, _)| is_library(name));
        let in_libraries: u64 = in_libraries.map(|(_, samples)| *samples).sum();
        match in_libraries.saturating_mul(2) > self.samples {
            true => of_libraries.to_owned(),
            false => of_programs.to_owned(),
        }
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

/// Whether a module is a shared library: `libc.so.6`, `libSystem.dylib`, `ntdll.dll`.
fn is_library(module: &str) -> bool {
    let name = module.rsplit(['/', '\\']).next().unwrap_or(module);
    let endings = [".so", ".dylib", ".dll"];
    endings.iter().any(|ending| name.ends_with(ending)) || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_no_advice_for_libraries() {
        let of = |modules: &[(&str, u64)]| {
            let mut blind = Blind::default();
            modules
                .iter()
                .for_each(|(name, samples)| blind.add(name, *samples));
            blind.help("program", "library")
        };
        assert_eq!(of(&[("/tmp/grex", 10)]), "program");
        assert_eq!(of(&[("prog-0123456789abcdef", 10)]), "program");
        for library in [
            "/usr/lib/libssl.so.3",
            "x.abi3.so",
            "libSystem.dylib",
            "ntdll.dll",
        ] {
            assert_eq!(of(&[(library, 10)]), "library", "{library}");
        }
        assert_eq!(
            of(&[("/usr/lib/libssl.so", 10), ("/tmp/so.grex", 20)]),
            "program"
        );
    }
}
