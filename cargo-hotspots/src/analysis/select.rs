//! The function that a user means: by its full name, as tables show it, or by the end or any part
//! of its path. All instances of a generic function are meant when none is named in full.

use crate::symbols::{FunctionId, Symbols};
use codecost::{
    Error, Result, attribution::Origin, report::CrateName, report::short_name, units::Share,
};
use std::{borrow::Cow, collections::BTreeMap};

/// What was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The full name of the only one, or the path that all share.
    pub name: String,
    /// All of them, in the order of their numbers.
    pub functions: Vec<FunctionId>,
}

/// Candidates that are listed.
const LISTED: usize = 10;

/// Finds the function.
///
/// # Errors
///
/// No function matches, or several; then the message lists them with their share of the time.
/// `time` is the time of a function, of `total`.
pub fn select(
    symbols: &Symbols,
    wanted: &str,
    total: u64,
    time: impl Fn(FunctionId) -> u64,
) -> Result<Selected> {
    let wanted = &*without_marks(wanted);
    let all = || {
        (0..)
            .map(FunctionId)
            .zip(&symbols.functions)
            .map(|(id, function)| (id, function.name.as_str()))
    };
    // One copy, named in full.
    if let Some(id) = program_main(symbols).filter(|_| wanted == "main") {
        return Ok(Selected {
            name: symbols.functions[id.0 as usize].name.clone(),
            functions: vec![id],
        });
    }
    let exact: Vec<_> = all().filter(|(_, name)| *name == wanted).collect();
    if !exact.is_empty() {
        let siblings = all().filter(|(_, name)| path_of(name) == wanted);
        // `a::f` is also the path of `a::f::<u8>`.
        let siblings: Vec<_> = siblings.map(|(id, _)| id).collect();
        let functions = match siblings.is_empty() || wanted.contains('<') {
            true => exact.iter().map(|(id, _)| *id).collect(),
            false => siblings,
        };
        return Ok(Selected {
            name: wanted.to_owned(),
            functions,
        });
    }
    // What a symbol table calls it, where the debug information has another name.
    let called = symbols.aliases.iter().filter(|(name, _)| name == wanted);
    let called: std::collections::BTreeSet<_> = called.map(|(_, function)| *function).collect();
    if !called.is_empty() {
        return Ok(Selected {
            name: wanted.to_owned(),
            functions: called.into_iter().collect(),
        });
    }
    let bare = path_of(wanted);
    let shown = |id: FunctionId, name: &str| {
        let function = symbols.functions.get(id.0 as usize);
        let owner = function.and_then(|function| symbols.crates.get(function.owner.0 as usize));
        let owner = CrateName {
            name: owner.map_or("", |owner| owner.name.as_str()),
            version: None,
            origin: owner.map_or(Origin::Unknown, |owner| owner.origin),
        };
        let short = short_name(name, owner);
        short == wanted || path_of(&short) == wanted
    };
    let ends = |path: &str| {
        path.strip_suffix(bare.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with("::"))
    };
    let ends_with_arguments = |name: &str| {
        let before = name.strip_suffix(wanted).filter(|_| wanted.contains('<'));
        before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
    };
    type Level<'l> = &'l dyn Fn(FunctionId, &str, &str) -> bool;
    let levels: [Level<'_>; 5] = [
        &|_, name, _| ends_with_arguments(name),
        &|_, _, path| path == wanted,
        &|id, name, _| shown(id, name),
        &|_, _, path| ends(path),
        &|_, name, path| path.contains(wanted) || name.contains(wanted),
    ];
    // Names of functions whose code is another's come after those that are shown.
    let merged = || {
        let merged = symbols.merged.iter();
        merged.map(|(name, id)| (*id, name.as_str()))
    };
    let both = [false, true];
    let tries = both
        .iter()
        .flat_map(|of_merged| levels.iter().map(move |level| (*of_merged, level)));
    for (of_merged, matches) in tries {
        let mut found: BTreeMap<String, Vec<FunctionId>> = BTreeMap::new();
        let names = all().filter(|_| !of_merged);
        for (id, name) in names.chain(merged().filter(|_| of_merged)) {
            let path = path_of(name);
            if matches(id, name, &path) {
                found.entry(path).or_default().push(id);
            }
        }
        if found.len() > 1 {
            // An async function is its closures.
            let mut inside = found.iter();
            if inside.any(|(path, _)| is_inside(wanted, path)) {
                found.retain(|path, _| is_inside(wanted, path));
                return Ok(Selected {
                    name: wanted.to_owned(),
                    functions: found.into_values().flatten().collect(),
                });
            }
            return Err(ambiguous(wanted, found, total, time));
        }
        if let Some((path, functions)) = found.into_iter().next() {
            let name = match functions.as_slice() {
                [only] => symbols.functions[only.0 as usize].name.clone(),
                _ => path,
            };
            return Ok(Selected { name, functions });
        }
    }
    Err(Error::usage(
        format_args!("no function with samples matches `{wanted}`"),
        "list them with `cargo hotspots functions`, a part of them with `--filter`",
    ))
}

/// Whether a path is that of a closure in the function of another path.
pub(super) fn is_inside(function: &str, path: &str) -> bool {
    let rest = path.strip_prefix(function);
    rest.is_some_and(|rest| rest.starts_with("::{"))
}

/// A name without what folded stacks and flamegraphs make of it: `_[i]` after inlined functions, and a
/// colon for what separates frames there.
pub(super) fn without_marks(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix("_[i]").unwrap_or(name);
    match name.contains(": ") {
        true => Cow::Owned(name.replace(": ", "; ")),
        false => Cow::Borrowed(name),
    }
}

/// The program's own `main`, which is meant by that name; not C's, which calls it.
pub(super) fn program_main(symbols: &Symbols) -> Option<FunctionId> {
    let mains = (0..).map(FunctionId).zip(&symbols.functions);
    let mut mains = mains.filter(|(_, function)| {
        let owner = symbols.crates.get(function.owner.0 as usize);
        let own = owner.is_some_and(|owner| !owner.system && owner.origin != Origin::Native);
        own && path_of(&function.name).matches("::").count() == 1
            && path_of(&function.name).ends_with("::main")
    });
    let (only, _) = mains.next()?;
    mains.next().is_none().then_some(only)
}

fn ambiguous(
    wanted: &str,
    found: BTreeMap<String, Vec<FunctionId>>,
    total: u64,
    time: impl Fn(FunctionId) -> u64,
) -> Error {
    let count = found.len();
    let mut found: Vec<(u64, String)> = found
        .into_iter()
        .map(|(path, functions)| (functions.into_iter().map(&time).sum(), path))
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let more = count.saturating_sub(LISTED);
    let mut lines: Vec<String> = found
        .into_iter()
        .take(LISTED)
        .map(|(time, path)| format!("{:>6}  '{path}'", Share::of(time, total).to_string()))
        .collect();
    if more > 0 {
        lines.push(format!("        … {more} more"));
    }
    Error::usage(
        format_args!("`{wanted}` matches {count} functions"),
        format_args!("name one of them:\n{}", lines.join("\n")),
    )
}

/// A name without generic arguments: `<alloc::vec::Vec<u8>>::push::<A>` is `alloc::vec::Vec::push`.
///
/// Works on the text; linear.
pub fn path_of(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    let mut depth = 0_usize;
    let mut before = ' ';
    for c in name.chars() {
        match c {
            // Arguments follow a name or `::`; what else opens is a type in brackets.
            '<' if depth > 0 || before == '_' || before.is_alphanumeric() || before == ':' => {
                if depth == 0 && path.ends_with("::") {
                    path.truncate(path.len() - 2);
                }
                depth += 1;
            }
            '>' if depth > 0 && before != '-' && before != '=' => depth -= 1,
            _ if depth == 0 => path.push(c),
            _ => {}
        }
        before = c;
    }
    // `<Type>::method` without a trait.
    let inherent = path.strip_prefix('<').and_then(|rest| {
        let (inside, after) = rest.split_once('>')?;
        (!inside.contains(" as ") && !inside.contains('<')).then(|| format!("{inside}{after}"))
    });
    inherent.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::Fixture;

    #[test]
    fn paths_have_no_arguments() {
        for (name, path) in [
            ("a::f", "a::f"),
            ("a::f::<u8>", "a::f"),
            ("a::f::<b::G<u8>>::{closure#0}", "a::f::{closure#0}"),
            ("<alloc::vec::Vec<u8>>::push", "alloc::vec::Vec::push"),
            (
                "<a::Foo<u8> as core::fmt::Debug>::fmt",
                "<a::Foo as core::fmt::Debug>::fmt",
            ),
            ("a::f::<fn(u8) -> b::C>::g", "a::f::g"),
            ("<<<", "<<<"),
            ("malloc", "malloc"),
        ] {
            assert_eq!(path_of(name), path, "{name}");
        }
    }

    fn symbols(names: &[&str]) -> Symbols {
        let mut fixture = Fixture::new();
        let app = fixture.krate("app", codecost::attribution::Origin::Workspace, false);
        for name in names {
            fixture.function(name, app);
        }
        fixture.symbols
    }

    #[test]
    fn the_nearest_match_wins_and_instances_belong_together() {
        let symbols = symbols(&[
            "app::burn::<u8>",
            "app::burn::<u16>",
            "app::sub::burn",
            "app::burner",
        ]);
        let pick = |wanted: &str| select(&symbols, wanted, 100, |_| 10);
        let found = pick("app::burn").unwrap();
        assert_eq!(found.functions, [FunctionId(0), FunctionId(1)]);
        assert_eq!(found.name, "app::burn");
        let one = pick("app::burn::<u16>").unwrap();
        assert_eq!(one.functions, [FunctionId(1)]);
        assert_eq!(pick("sub::burn").unwrap().functions, [FunctionId(2)]);
        assert_eq!(pick("burner").unwrap().functions, [FunctionId(3)]);
        // As the table of functions shows it, without the crate.
        assert_eq!(pick("burn").unwrap().functions.len(), 2);
    }

    #[test]
    fn names_of_flamegraphs_and_of_async_functions_are_understood() {
        let symbols = symbols(&[
            "app::burn::<[u8; 4]>",
            "app::step::{closure}",
            "app::step::{closure}::{closure}",
            "app::run::<app::step::{closure_env#0}>",
        ]);
        let pick = |wanted: &str| select(&symbols, wanted, 100, |_| 10).unwrap().functions;
        assert_eq!(pick("app::burn::<[u8: 4]>_[i]"), [FunctionId(0)]);
        assert_eq!(pick("app::step"), [FunctionId(1), FunctionId(2)]);
    }

    #[test]
    fn several_are_listed_with_their_share() {
        let symbols = symbols(&["app::a::go", "app::b::go"]);
        let error = select(&symbols, "go", 100, |id| 10 + u64::from(id.0) * 30).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let hint = error.hint().unwrap();
        let lines: Vec<_> = hint.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "name one of them:",
                "40.0%  'app::b::go'",
                "10.0%  'app::a::go'"
            ]
        );
        let error = select(&symbols, "nothing", 100, |_| 0).unwrap_err();
        assert!(error.to_string().contains("`nothing`"));
    }
}
