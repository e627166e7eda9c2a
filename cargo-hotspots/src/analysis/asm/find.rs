//! From what the user typed to functions: by the whole name, then by its end, then by any part of
//! it, then as a regular expression.
//!
//! A function is all its copies: out of line, one for each choice of its generic arguments, and
//! inlined into others. What ran comes before what did not, except that a name given in full means
//! that function.

use super::{
    super::select::{is_inside, path_of, without_marks},
    model::Weight,
    names::{family, plain},
};
use codecost::{
    Error, Result,
    attribution::Origin,
    front::quoted,
    pattern::Pattern as Regex,
    report::{CrateName, printable, short_name},
    units::Share,
};
use std::{borrow::Cow, collections::BTreeMap};

/// A copy of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// Its name in full.
    pub(super) full: String,
    /// What symbols call it, where that is another name.
    pub(super) aliases: Vec<String>,
    /// As tables show it.
    pub(super) shown: String,
    /// The file, by its position among those that were opened.
    pub(super) file: usize,
    /// The symbol that it is in, by its position there.
    pub(super) function: usize,
    /// Whether it was inlined there.
    pub(super) inlined: bool,
    /// Its samples.
    pub(super) own: Weight,
}

/// What a name means: copies of one function, hottest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The function, by the name that the user may give.
    pub(super) function: String,
    /// Those that are meant.
    pub(super) copies: Vec<Copy>,
    /// Other copies of the same function.
    pub(super) others: Vec<Copy>,
}

/// How well a name fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Full,
    Family,
    Plain,
    End,
    Part,
    Pattern,
}

const EXACT: [Level; 3] = [Level::Full, Level::Family, Level::Plain];
const LOOSE: [Level; 3] = [Level::End, Level::Part, Level::Pattern];

/// How many candidates an error lists.
const CANDIDATES: usize = 12;

/// Finds the function that `name` means. `hot` are the copies with samples; `all` gives the copies
/// without, and is asked only when it must be.
///
/// # Errors
///
/// A usage error when nothing fits, or several functions do.
pub(super) fn find(
    name: &str,
    input_flag: &str,
    hot: &[Copy],
    all: impl FnOnce() -> Vec<Copy>,
    total: Weight,
) -> Result<Found> {
    let name = &*without_marks(name.trim());
    let wanted = Pattern {
        name,
        pattern: Regex::new(name).ok(),
    };
    let searched = |copies: &[Copy], levels: &[Level]| {
        let found = levels.iter().map(|level| wanted.among(copies, *level));
        found.into_iter().find(|found| !found.is_empty())
    };
    let families = match searched(hot, &EXACT) {
        Some(found) => found,
        None => {
            let all = all();
            let found = searched(&all, &EXACT)
                .or_else(|| searched(hot, &LOOSE))
                .or_else(|| searched(&all, &LOOSE));
            found.ok_or_else(|| not_found(name, input_flag, hot, &all, total))?
        }
    };
    // An async function is its closures; a method of a type is that of all the type's arguments.
    let is_meant = |family: &String| is_inside(name, family) || path_of(family) == name;
    if families.len() > 1 && families.keys().any(is_meant) {
        let inside = families.into_iter();
        let inside = inside.filter(|(family, _)| is_meant(family));
        let mut copies: Vec<Copy> = inside.flat_map(|(_, copies)| copies).collect();
        sort(&mut copies);
        return Ok(Found {
            function: name.to_owned(),
            copies,
            others: Vec::new(),
        });
    }
    if families.len() > 1 {
        return Err(ambiguous(name, input_flag, &families, total));
    }
    let Some((function, mut copies)) = families.into_iter().next() else {
        return Err(not_found(name, input_flag, hot, &[], total));
    };
    sort(&mut copies);
    // A name with its arguments means that copy only.
    let exactly =
        |copy: &Copy| copy.full == name || name.contains("::<") && is_end_of(name, &copy.full);
    let (copies, others) = if copies.iter().any(exactly) && function != name {
        copies.into_iter().partition(exactly)
    } else {
        (copies, Vec::new())
    };
    Ok(Found {
        function,
        copies,
        others,
    })
}

/// Hottest first.
fn sort(copies: &mut [Copy]) {
    copies.sort_by_key(|copy| (std::cmp::Reverse(copy.own.period), copy.file, copy.function));
}

struct Pattern<'n> {
    name: &'n str,
    pattern: Option<Regex>,
}

impl Pattern<'_> {
    /// The functions that fit, each with all its copies.
    fn among(&self, copies: &[Copy], level: Level) -> BTreeMap<String, Vec<Copy>> {
        if self.name.is_empty() {
            return BTreeMap::new();
        }
        let names: std::collections::BTreeSet<String> = copies
            .iter()
            .filter(|copy| {
                self.fits(&copy.full, level)
                    || copy.aliases.iter().any(|alias| self.fits(alias, level))
                    || level == Level::End && copy.shown == self.name
            })
            .map(|copy| family(&copy.full))
            .collect();
        let mut found: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
        if names.is_empty() {
            return found;
        }
        for copy in copies {
            let family = family(&copy.full);
            if names.contains(&family) {
                found.entry(family).or_default().push(copy.clone());
            }
        }
        found
    }

    fn fits(&self, full: &str, level: Level) -> bool {
        let name = self.name;
        let at_end = |text: &str| is_end_of(name, text);
        match level {
            Level::Full => full == name,
            // Cheap tests first: there may be a hundred thousand names.
            Level::Family => full.starts_with(name) && family(full) == name,
            Level::Plain => {
                full.contains(last_word(name)) && (plain(full) == name || path_of(full) == name)
            }
            Level::End => {
                full.contains(last_word(name))
                    && (at_end(full)
                        || at_end(&family(full))
                        || at_end(&plain(full))
                        || at_end(&shown(full)))
            }
            Level::Part => full.contains(name),
            Level::Pattern => self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(full)),
        }
    }
}

/// Whether `text` is a path that ends in the path `name`.
fn is_end_of(name: &str, text: &str) -> bool {
    let before = text.strip_suffix(name);
    before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// As tables show it.
fn shown(full: &str) -> Cow<'_, str> {
    let nobody = CrateName {
        name: "",
        version: None,
        origin: Origin::Unknown,
    };
    short_name(full, nobody)
}

fn last_word(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn by_weight<'c>(
    families: impl Iterator<Item = (&'c String, &'c Vec<Copy>)>,
) -> Vec<(&'c str, Weight)> {
    let mut all: Vec<(&str, Weight)> = families
        .map(|(name, copies)| {
            let mut own = Weight::default();
            copies.iter().for_each(|copy| own += copy.own);
            (name.as_str(), own)
        })
        .collect();
    all.sort_by_key(|(name, own)| (std::cmp::Reverse(own.period), *name));
    all
}

fn listed(candidates: &[(&str, Weight)], input_flag: &str, total: Weight) -> String {
    // What is pasted is as short as it can be and still means one of them.
    let mut plains: BTreeMap<String, usize> = BTreeMap::new();
    for (name, _) in candidates {
        *plains.entry(plain(name)).or_default() += 1;
    }
    let shortest = |name: &str| {
        let plain = plain(name);
        match plains.get(&plain) {
            Some(1) => plain,
            _ => name.to_owned(),
        }
    };
    let mut text = String::new();
    let commands: Vec<String> = candidates
        .iter()
        .take(CANDIDATES)
        .map(|(name, _)| {
            let name = shortest(name);
            format!(
                "cargo hotspots asm {}{input_flag}",
                quoted(&printable(&name))
            )
        })
        .collect();
    let widest = commands.iter().map(|command| command.chars().count()).max();
    for (command, (_, own)) in commands.iter().zip(candidates) {
        let share = Share(own.share_of(total)).to_string();
        let padding = " ".repeat(widest.unwrap_or(0).saturating_sub(command.chars().count()));
        text += &format!("\n    {command}{padding}  # {share}");
    }
    if candidates.len() > CANDIDATES {
        text += &format!("\n    … {} more", candidates.len() - CANDIDATES);
    }
    text
}

fn ambiguous(
    name: &str,
    input_flag: &str,
    families: &BTreeMap<String, Vec<Copy>>,
    total: Weight,
) -> Error {
    let candidates = by_weight(families.iter());
    Error::usage(
        format!("{} functions have names like `{name}`", candidates.len()),
        format!(
            "choose one, with its share of the samples:{}",
            listed(&candidates, input_flag, total)
        ),
    )
}

fn not_found(name: &str, input_flag: &str, hot: &[Copy], all: &[Copy], total: Weight) -> Error {
    // The likeliest slip is a wrong path before a right name.
    let word = last_word(name).to_ascii_lowercase();
    let near = |copies: &[Copy]| {
        let mut found: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
        for copy in copies {
            if !word.is_empty() && copy.full.to_ascii_lowercase().contains(&word) {
                let copies = found.entry(family(&copy.full)).or_default();
                copies.push(copy.clone());
            }
        }
        found
    };
    let mut found = near(hot);
    if found.is_empty() {
        found = near(all);
    }
    let message =
        format!("no function that ran, and none in the files that ran, is called `{name}`");
    if found.is_empty() {
        return Error::usage(message, "`cargo hotspots functions` lists what ran");
    }
    let candidates = by_weight(found.iter());
    Error::usage(
        message,
        format!(
            "names that are near:{}",
            listed(&candidates, input_flag, total)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(full: &str, period: u64) -> Copy {
        Copy {
            full: full.into(),
            aliases: Vec::new(),
            shown: String::new(),
            file: 0,
            function: 0,
            inlined: false,
            own: Weight {
                samples: period,
                period,
            },
        }
    }

    const TOTAL: Weight = Weight {
        samples: 100,
        period: 100,
    };

    fn search(name: &str, hot: &[Copy], cold: &[Copy]) -> Result<Found> {
        let all = || hot.iter().chain(cold).cloned().collect();
        find(name, "", hot, all, TOTAL)
    }

    fn names(found: &Found) -> Vec<&str> {
        found.copies.iter().map(|copy| copy.full.as_str()).collect()
    }

    #[test]
    fn the_whole_name_comes_before_its_end_and_before_samples() {
        let hot = [copy("beta::alpha::burn", 60)];
        let cold = [copy("alpha::burn", 0)];
        let found = search("alpha::burn", &hot, &cold).unwrap();
        assert_eq!(names(&found), ["alpha::burn"]);
        // By its end, what ran wins.
        let found = search("burn", &hot, &cold).unwrap();
        assert_eq!(names(&found), ["beta::alpha::burn"]);
    }

    #[test]
    fn all_copies_of_a_generic_function_are_one() {
        let hot = [
            copy("alpha::burn::<u8>", 10),
            copy("alpha::burn::<u64>", 60),
        ];
        let found = search("burn", &hot, &[]).unwrap();
        assert_eq!(found.function, "alpha::burn");
        assert_eq!(names(&found), ["alpha::burn::<u64>", "alpha::burn::<u8>"]);
        let found = search("alpha::burn::<u8>", &hot, &[]).unwrap();
        assert_eq!(names(&found), ["alpha::burn::<u8>"]);
        assert_eq!(found.others.len(), 1);
    }

    #[test]
    fn names_of_other_views_are_understood() {
        let hot = [
            copy("alpha::burn::<[u8; 4]>", 10),
            copy("<core::Option<u8> as core::Try>::branch", 10),
            copy("<core::Option<u16> as core::Try>::branch", 10),
            copy("alpha::step::{closure}", 10),
            copy("alpha::step::{closure}::{closure}", 20),
            copy("alpha::run::<alpha::step::{closure_env#0}>", 20),
        ];
        let found = |name| search(name, &hot, &[]).unwrap();
        let inlined = found("alpha::burn::<[u8: 4]>_[i]");
        assert_eq!(names(&inlined), ["alpha::burn::<[u8; 4]>"]);
        assert_eq!(found("<core::Option as core::Try>::branch").copies.len(), 2);
        let step = found("alpha::step");
        assert_eq!(
            names(&step),
            [
                "alpha::step::{closure}::{closure}",
                "alpha::step::{closure}"
            ]
        );
    }

    #[test]
    fn methods_are_found_as_one_calls_them() {
        let hot = [copy("<alpha::Map<u8> as core::iter::Iterator>::next", 5)];
        for name in [
            "alpha::Map::next",
            "Map::next",
            "next",
            "Map<u8> as",
            "<Map<u8> as Iterator>::next",
            "Map.*next$",
        ] {
            assert_eq!(search(name, &hot, &[]).unwrap().copies.len(), 1, "{name}");
        }
    }

    #[test]
    fn several_functions_are_listed_by_share_to_choose_from() {
        let hot = [
            copy("alpha::burn", 10),
            copy("beta::burn", 62),
            copy("gamma::other", 5),
        ];
        let error = search("burn", &hot, &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.to_string(), "2 functions have names like `burn`");
        assert_eq!(
            error.hint().unwrap(),
            "choose one, with its share of the samples:\
             \n    cargo hotspots asm beta::burn   # 62.0%\
             \n    cargo hotspots asm alpha::burn  # 10.0%"
        );
    }

    #[test]
    fn what_is_not_there_names_what_is_near() {
        let hot = [copy("alpha::burn", 10)];
        let error = search("beta::Burn", &hot, &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.hint().unwrap().contains("alpha::burn"), "{error}");
        let error = search("nothing", &hot, &[]).unwrap_err();
        assert!(error.hint().unwrap().contains("cargo hotspots functions"));
        assert!(search("", &hot, &[]).is_err());
        // Not a regular expression, but that is no reason to stop.
        assert!(search("burn(", &hot, &[]).is_err());
    }
}
