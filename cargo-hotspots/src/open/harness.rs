//! What a benchmark's harness does around what it measures: it makes the inputs of many iterations, and
//! drops them and the outputs afterwards, while its clock does not run.
//!
//! Which of it a stack is in, the line of the harness's own source says at which its loop calls on: the
//! user's closures have no names that tell them apart. So it needs the harness's source, which cargo has
//! from the registry. Without it nothing is left out.
//!
//! Sources: Criterion's `bencher.rs` (`iter_batched`, `iter_batched_ref` and what calls them), divan's
//! `benchmark/mod.rs` (`with_inputs`). Criterion has called its parameters `setup` and `routine` since 0.2.

use super::shown::leave;
use crate::{
    profile::{LeftOut, Profile, StackId},
    symbols::{Scope, SourceId, Symbols},
};
use std::collections::HashMap;

/// What the harness is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Inputs,
    Measured,
    Drops,
}

/// Takes what is not measured out of a profile. `text` gives a source file's content.
pub(super) fn leave_out(
    profile: &mut Profile,
    symbols: &Symbols,
    text: impl Fn(&str) -> Option<Vec<u8>>,
) {
    let parts = parts(profile, symbols, &text);
    if parts
        .iter()
        .all(|part| matches!(part, None | Some(Part::Measured)))
    {
        return;
    }
    let (mut inputs, mut drops) = (LeftOut::of(LeftOut::INPUTS), LeftOut::of(LeftOut::DROPS));
    let part_of = |stack: StackId| parts.get(stack.0 as usize).copied().flatten();
    profile.counts.retain(|count| {
        let left = match part_of(count.stack) {
            Some(Part::Inputs) => &mut inputs,
            Some(Part::Drops) => &mut drops,
            Some(Part::Measured) | None => return true,
        };
        leave(left, count);
        false
    });
    if let Some(timeline) = &mut profile.timeline {
        timeline.retain(|sample| matches!(part_of(sample.stack), Some(Part::Measured) | None));
    }
    let left = [inputs, drops].into_iter().filter(|left| left.samples > 0);
    profile.left_out.extend(left);
    profile.add_up();
}

/// For each stack what the harness is at. Linear in stacks and scopes.
fn parts(
    profile: &Profile,
    symbols: &Symbols,
    text: &impl Fn(&str) -> Option<Vec<u8>>,
) -> Vec<Option<Part>> {
    let mut lines = Lines {
        symbols,
        text,
        files: HashMap::new(),
    };
    let mut parts: Vec<Option<Part>> = Vec::with_capacity(profile.stacks.len());
    for (at, node) in profile.stacks.iter().enumerate() {
        let caller = node.caller.map(|caller| caller.0 as usize);
        let outer = caller.filter(|caller| *caller < at);
        let outer = outer.and_then(|caller| parts[caller]);
        parts.push(outer.or_else(|| {
            let scopes = symbols.scopes_of(node.frame).iter();
            scopes.rev().find_map(|scope| lines.part(scope))
        }));
    }
    parts
}

/// The harness's sources.
struct Lines<'s, T> {
    symbols: &'s Symbols,
    text: &'s T,
    files: HashMap<SourceId, Vec<String>>,
}

impl<T: Fn(&str) -> Option<Vec<u8>>> Lines<'_, T> {
    fn part(&mut self, scope: &Scope) -> Option<Part> {
        let function = self.symbols.functions.get(scope.function.0 as usize)?;
        let owner = self.symbols.crates.get(function.owner.0 as usize)?;
        let judge = match owner.name.as_str() {
            "criterion" if function.name.contains("::iter_batched") => of_criterion,
            "divan" => of_divan,
            _ => return None,
        };
        let (file, line) = (scope.file?, scope.line?);
        let lines = self.files.entry(file).or_insert_with(|| {
            let name = self.symbols.files.get(file.0 as usize);
            let text = name.and_then(|name| (self.text)(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            text.lines().map(|line| line.trim().to_owned()).collect()
        });
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        judge(lines.get(line)?)
    }
}

fn of_criterion(line: &str) -> Option<Part> {
    let has = |word: &str| line.contains(word);
    if has("setup()") {
        Some(Part::Inputs)
    } else if has("routine") {
        Some(Part::Measured)
    } else if line == "}" || has("drop(") || has("outputs") {
        Some(Part::Drops)
    } else {
        None
    }
}

fn of_divan(line: &str) -> Option<Part> {
    let has = |word: &str| line.contains(word);
    if has("gen_input()") {
        Some(Part::Inputs)
    } else if has("benched(") {
        Some(Part::Measured)
    } else if has("drop_input(") || has("assume_init_drop") {
        Some(Part::Drops)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::fixture::Fixture, symbols::FunctionId};
    use codecost::attribution::Origin;

    const SOURCE: &str = "let input = black_box(setup());\nlet output = routine(input);\n}\n\
                          self.measurement.start();\n";

    #[test]
    fn the_line_of_the_harness_tells_the_closures_apart() {
        let mut fixture = Fixture::new();
        let bench = fixture.krate("bench", Origin::Workspace, false);
        let criterion = fixture.krate("criterion", Origin::Registry, false);
        let batched = fixture.function("<criterion::Bencher>::iter_batched::<()>", criterion);
        let closure = fixture.function("bench::one::{closure}::{closure}", bench);
        let main = fixture.function("bench::main", bench);
        let outside = fixture.frame(&[main]);
        let outside = fixture.stack(&[outside]);
        fixture.samples(outside, 1);
        let at = |fixture: &mut Fixture, chain: &[FunctionId], line| {
            let frame = fixture.frame(chain);
            fixture.symbols.scopes.last_mut().unwrap().line = Some(line);
            frame
        };
        for (line, samples) in [(1, 40), (2, 30), (3, 20), (4, 10)] {
            // Inlined here, a frame of its own there.
            let inlined = at(&mut fixture, &[closure, batched], line);
            let inlined = fixture.stack(&[inlined]);
            fixture.samples(inlined, samples);
            let caller = at(&mut fixture, &[batched], line);
            let callee = fixture.frame(&[closure]);
            let called = fixture.stack(&[caller, callee]);
            fixture.samples(called, samples);
        }
        let text = |name: &str| {
            assert!(name.contains("criterion"), "{name}");
            Some(SOURCE.as_bytes().to_vec())
        };
        let mut profile = fixture.profile;
        leave_out(&mut profile, &fixture.symbols, text);
        // What is measured, the harness's own, and what is outside.
        assert_eq!(profile.samples, 60 + 20 + 1);
        let left: Vec<_> = profile
            .left_out
            .iter()
            .map(|left| (left.process.as_str(), left.samples))
            .collect();
        assert_eq!(left, [(LeftOut::INPUTS, 80), (LeftOut::DROPS, 40)]);
        // Without its source nothing is known.
        leave_out(&mut profile, &fixture.symbols, |_| None);
        assert_eq!(profile.samples, 81);
    }

    #[test]
    fn divans_loop_is_read_likewise() {
        let part = |line| of_divan(line);
        assert_eq!(
            part("let input = input.write(gen_input());"),
            Some(Part::Inputs)
        );
        assert_eq!(
            part("let output = benched(&slot.input);"),
            Some(Part::Measured)
        );
        assert_eq!(part("unsafe { drop_input(input) }"), Some(Part::Drops));
        assert_eq!(
            part("self.sample_recorder(gen_input, benched, drop_input);"),
            None
        );
    }
}
