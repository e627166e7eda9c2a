//! The files of a crate and what each depends on.

use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How often a name may be passed on from file to file.
const HOPS: usize = 8;

/// All source files of one crate, without those that only unit tests have.
#[derive(Debug)]
pub struct Sources {
    /// By module.
    files: BTreeMap<String, Source>,
    /// Files that no `mod` line declares.
    pub stray: Vec<String>,
}

/// Something that a file names in its own crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The module whose file defines it.
    pub module: String,
    /// What of that module; empty for the module itself.
    pub item: String,
}

impl Named {
    /// As it is written in code.
    pub fn path(&self) -> String {
        match (self.module.is_empty(), self.item.is_empty()) {
            (_, true) => self.module.clone(),
            (true, _) => self.item.clone(),
            _ => format!("{}::{}", self.module, self.item),
        }
    }
}

/// Whether `module` is `above` or lies below it.
pub fn is_within(module: &str, above: &str) -> bool {
    module
        .strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || above.is_empty())
}

fn join(module: &str, name: &str) -> String {
    match module {
        "" => name.to_owned(),
        module => format!("{module}::{name}"),
    }
}

/// The modules of a file that only unit tests have.
fn tests_of(source: &Source) -> Vec<String> {
    let declared = source.for_tests.iter();
    let mut tests: Vec<String> = declared.map(|name| join(&source.module, name)).collect();
    let beside = match source.module.rsplit_once("::") {
        _ if source.path.ends_with("mod.rs") => source.module.as_str(),
        Some((parent, _)) => parent,
        None => "",
    };
    for file in &source.test_files {
        tests.push(join(beside, &module_of(Path::new(file))));
    }
    tests
}

impl Sources {
    /// Reads all files below a crate's `src`.
    ///
    /// # Panics
    ///
    /// When one cannot be read, or there is none.
    pub fn read(src: &Path) -> Self {
        let mut found = Vec::new();
        collect(src, src, &mut found);
        assert!(!found.is_empty(), "no source below {}", src.display());
        Self::new(found)
    }

    /// The sources `found`, of which the tests' own are left out.
    pub fn new(found: Vec<Source>) -> Self {
        let tests: Vec<String> = found.iter().flat_map(tests_of).collect();
        let is_for_tests = |module: &str| tests.iter().any(|test| is_within(module, test));
        let files: BTreeMap<String, Source> = found
            .into_iter()
            .filter(|source| !is_for_tests(&source.module))
            .map(|source| (source.module.clone(), source))
            .collect();
        let is_declared = |module: &str| {
            let (parent, name) = module.rsplit_once("::").unwrap_or(("", module));
            module.is_empty()
                || files
                    .get(parent)
                    .is_some_and(|parent| parent.declared.iter().any(|own| own == name))
        };
        let stray = files
            .values()
            .filter(|source| !is_declared(&source.module))
            .map(|source| source.path.display().to_string())
            .collect();
        Self { files, stray }
    }

    /// The modules that the root declares, in its order.
    pub fn declared(&self) -> &[String] {
        self.files
            .get("")
            .map_or(&[], |root| root.declared.as_slice())
    }

    /// All files, by module.
    pub fn files(&self) -> impl Iterator<Item = &Source> {
        self.files.values()
    }

    /// What the file names in its own crate, each where it is defined. What a file passes on with
    /// `pub use` it does not need itself, and is left out.
    pub fn named_by(&self, source: &Source) -> BTreeSet<Named> {
        let mut named = BTreeSet::new();
        for import in source.imports.iter().filter(|import| !import.is_passed_on) {
            if let Some(found) = self.resolve(source, &import.path, HOPS) {
                // A module that is imported says nothing yet; the paths below it do.
                if !found.item.is_empty() {
                    named.insert(found);
                }
            }
        }
        for path in &source.paths {
            named.extend(self.resolve(source, path, HOPS));
        }
        named.retain(|found| found.module != source.module);
        named
    }

    /// The modules that the file's paths lead through as they are written, re-exports not followed:
    /// `commands::overview` for `use crate::commands::overview::Overview`, and `commands` for
    /// `use crate::commands::Overview` of a list that passes it on.
    pub fn written_by(&self, source: &Source) -> BTreeSet<String> {
        let imports = source.imports.iter().map(|import| &import.path);
        let mut written = BTreeSet::new();
        for path in imports.chain(&source.paths) {
            let ups = path.iter().take_while(|name| *name == "super").count();
            let (mut module, rest) = match path[0].as_str() {
                "crate" => ("", &path[1..]),
                "self" => (source.module.as_str(), &path[1..]),
                "super" => (source.module.as_str(), &path[ups..]),
                name if source.declared.iter().any(|own| own == name) => {
                    (source.module.as_str(), path.as_slice())
                }
                // A name that is imported is written there.
                _ => continue,
            };
            for _ in 0..ups {
                module = module.rsplit_once("::").map_or("", |(parent, _)| parent);
            }
            let mut module = module.to_owned();
            for name in rest {
                let inner = join(&module, name);
                if !self.files.contains_key(&inner) {
                    break;
                }
                module = inner;
            }
            written.insert(module);
        }
        written.remove(&source.module);
        written
    }

    /// What `path` means in `source`, when it is of this crate.
    fn resolve(&self, source: &Source, path: &[String], hops: usize) -> Option<Named> {
        let (first, rest) = path.split_first()?;
        let mut module = source.module.as_str();
        match first.as_str() {
            "crate" => self.below("", rest, hops),
            "self" => self.below(module, rest, hops),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                for _ in 0..ups {
                    module = module.rsplit_once("::").map_or("", |(parent, _)| parent);
                }
                self.below(module, &path[ups..], hops)
            }
            name if source.declared.iter().any(|own| own == name) => self.below(module, path, hops),
            name => {
                let import = source.imports.iter().find(|import| import.name == name)?;
                // Not `use x;` that means the crate `x`.
                let is_itself = import.path.len() == 1 && import.path[0] == *name;
                if hops == 0 || is_itself {
                    return None;
                }
                let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                self.resolve(source, &whole, hops - 1)
            }
        }
    }

    /// What `path` means below `module`.
    fn below(&self, module: &str, path: &[String], hops: usize) -> Option<Named> {
        let Some((first, rest)) = path.split_first() else {
            return self.files.get(module).map(|source| Named {
                module: source.module.clone(),
                item: String::new(),
            });
        };
        let inner = join(module, first);
        if self.files.contains_key(&inner) {
            return self.below(&inner, rest, hops);
        }
        let source = self.files.get(module)?;
        let own = Named {
            module: module.to_owned(),
            item: path.join("::"),
        };
        if hops == 0 || source.items.iter().any(|item| item == first) {
            return Some(own);
        }
        if let Some(import) = source.imports.iter().find(|import| import.name == *first) {
            let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            // What comes from another crate is defined nowhere here; the file that has it stands
            // for it.
            return self.resolve(source, &whole, hops - 1).or(Some(own));
        }
        let globs = source.imports.iter().filter(|import| import.name == "*");
        let passed_on = globs
            .filter_map(|import| {
                let above = import.path.split_last()?.1;
                let whole: Vec<String> = above.iter().chain(path).cloned().collect();
                self.resolve(source, &whole, hops - 1)
            })
            .find(|found| {
                let first = found.item.split("::").next().unwrap_or_default();
                let items = self.files.get(&found.module).map(|file| &file.items);
                items.is_some_and(|items| items.iter().any(|item| item == first))
            });
        Some(passed_on.unwrap_or(own))
    }

    /// The circles: files that depend on each other, directly or through others. Each is one
    /// message.
    ///
    /// A module is put together from the files below it, and these use what it defines: the two
    /// ways between a file and one below it are no circle by themselves. So the ways up are left
    /// out once, and the ways down once: what goes round still leads through a stranger.
    pub fn circles(&self) -> Vec<String> {
        let mut edges: BTreeSet<(&str, &str)> = BTreeSet::new();
        for source in self.files.values() {
            for named in self.named_by(source) {
                if let Some((to, _)) = self.files.get_key_value(&named.module) {
                    edges.insert((&source.module, to));
                }
            }
        }
        let up = |(from, to): &(&str, &str)| is_within(from, to);
        let down = |(from, to): &(&str, &str)| is_within(to, from);
        let mut circles: Vec<BTreeSet<(&str, &str)>> = Vec::new();
        for left_out in [&up as &dyn Fn(&_) -> bool, &down] {
            let left = edges.iter().copied().filter(|edge| !left_out(edge));
            for circle in circles_of(&left.collect()) {
                if !circles.iter().any(|known| known.is_superset(&circle)) {
                    circles.retain(|known| !known.is_subset(&circle));
                    circles.push(circle);
                }
            }
        }
        let arrow = |(from, to): &(&str, &str)| format!("{} -> {}", shown(from), shown(to));
        let message = |circle: BTreeSet<_>| circle.iter().map(arrow).collect::<Vec<_>>().join(", ");
        circles.into_iter().map(message).collect()
    }
}

/// The edges of each circle: of what can be reached and reaches back.
fn circles_of<'a>(edges: &BTreeSet<(&'a str, &'a str)>) -> Vec<BTreeSet<(&'a str, &'a str)>> {
    let files: BTreeSet<&str> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let onward: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .map(|file| (*file, reachable(file, edges)))
        .collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for &file in &files {
        let returns = |other: &&str| onward[file].contains(other) && onward[other].contains(file);
        let circle: BTreeSet<&str> = files
            .iter()
            .copied()
            .filter(|other| returns(other))
            .collect();
        if circle.is_empty() || seen.contains(file) {
            continue;
        }
        seen.extend(&circle);
        let inside = |(from, to): &&(&str, &str)| circle.contains(from) && circle.contains(to);
        circles.push(edges.iter().filter(inside).copied().collect());
    }
    circles
}

fn shown(module: &str) -> &str {
    if module.is_empty() { "lib" } else { module }
}

fn reachable<'a>(from: &str, edges: &BTreeSet<(&'a str, &'a str)>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| *from == file) {
            if found.insert(*to) {
                open.push(to);
            }
        }
    }
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(directory).expect("read a source directory");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root).expect("a path below the root");
            // `main.rs` is a crate of its own, and only wires.
            if below == Path::new("main.rs") && root.join("lib.rs").exists() {
                continue;
            }
            let text = fs::read_to_string(&path).expect("read a source file");
            let module = module_of(below);
            found.push(Source::new(path.clone(), &module, &text));
        }
    }
}

/// `attribution/origin.rs` is `attribution::origin`; `lib.rs` is the root, with no name.
fn module_of(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let is_its_directory = |last: &String| ["mod", "lib", "main"].contains(&last.as_str());
    if parts.last().is_some_and(is_its_directory) {
        parts.pop();
    }
    parts.join("::")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A crate of these modules; what is no test is declared by its parent.
    pub(crate) fn sources(files: &[(&str, &str)]) -> Sources {
        let declared = |parent: &str| -> Vec<String> {
            let below = |(module, _): &(&str, &str)| {
                let (above, name) = module.rsplit_once("::").unwrap_or(("", module));
                (above == parent && !module.is_empty()).then(|| name.to_owned())
            };
            files.iter().filter_map(below).collect()
        };
        let all = files.iter().map(|(module, text)| {
            let mut source = Source::new(format!("{}.rs", shown(module)), module, text);
            source.declared.extend(declared(module));
            source
        });
        let mut all: Vec<Source> = all.collect();
        if !files.iter().any(|(module, _)| module.is_empty()) {
            let mut root = Source::new("lib.rs", "", "");
            root.declared.extend(declared(""));
            all.push(root);
        }
        Sources::new(all)
    }

    fn named(sources: &Sources, module: &str) -> Vec<String> {
        let source = sources.files().find(|own| own.module == module).unwrap();
        let named = sources.named_by(source);
        named.iter().map(Named::path).collect()
    }

    #[test]
    fn paths_are_followed_to_where_things_are_defined() {
        let sources = sources(&[
            ("a", "pub use inner::Thing;\npub use other::*;\nfn own() {}"),
            ("a::inner", "use super::own;\npub struct Thing;"),
            ("a::other", "pub fn far() {}"),
            (
                "b",
                "use crate::a;\nuse crate::a::Thing as T;\nfn f() { a::far(); T::new(); a::own() }",
            ),
            (
                "b::deep",
                "fn f() { super::super::a::inner::run() }\nuse std::fmt;\nfn g() { fmt::x() }",
            ),
        ]);
        assert_eq!(
            named(&sources, "b"),
            [
                "a::own",
                "a::inner::Thing",
                "a::inner::Thing::new",
                "a::other::far"
            ]
        );
        assert_eq!(named(&sources, "b::deep"), ["a::inner::run"]);
        assert_eq!(named(&sources, "a::inner"), ["a::own"]);
        // What is passed on is no dependency, and so there is no circle.
        assert_eq!(named(&sources, "a"), [""; 0]);
        assert_eq!(sources.circles(), [""; 0]);
    }

    #[test]
    fn a_circle_is_found_however_long() {
        let direct = sources(&[
            ("a", "use super::b::y;\nfn x() {}"),
            ("b", "use crate::a::x;\nfn y() {}"),
        ]);
        assert_eq!(direct.circles(), ["a -> b, b -> a"]);
        // A module is put together from what is below it.
        let family = [
            ("a", "fn f() { inner::run() }\npub fn g() {}"),
            ("a::inner", "use super::g;\npub fn run() {}"),
        ];
        assert_eq!(sources(&family).circles(), [""; 0]);
        // Through a stranger, the way up and the way down each close a circle.
        let [above, _] = family;
        let inner = "use super::g;\nuse crate::b::x;\npub fn run() {}";
        let up = sources(&[
            above,
            ("a::inner", inner),
            ("b", "use crate::a::g;\npub fn x() {}"),
        ]);
        assert_eq!(up.circles(), ["a -> a::inner, a::inner -> b, b -> a"]);
        let down = sources(&[
            ("a", "use crate::b::x;\npub fn g() {}"),
            ("a::inner", "use super::g;\npub fn run() {}"),
            ("b", "use crate::a::inner::run;\npub fn x() {}"),
        ]);
        assert_eq!(down.circles(), ["a -> b, a::inner -> a, b -> a::inner"]);
        let long = sources(&[
            ("a", "use crate::b::x;"),
            ("b", "use crate::c::y;"),
            ("c", "fn f() -> crate::a::X {}"),
            ("d", "use crate::a::X;"),
        ]);
        assert_eq!(long.circles(), ["a -> b, b -> c, c -> a"]);
    }

    #[test]
    fn files_of_unit_tests_are_left_out() {
        let tests = sources(&[
            (
                "a",
                "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"far.rs\"]\nmod more;",
            ),
            ("a::tests", "use super::g;"),
            ("a::tests::more", "use crate::a::g;"),
            ("far", ""),
        ]);
        assert_eq!(tests.files().count(), 2, "{:?}", tests.files);
    }

    #[test]
    fn a_file_that_nobody_declares_is_seen() {
        let root = Source::new("lib.rs", "", "mod a;");
        let all = vec![
            root,
            Source::new("a.rs", "a", ""),
            Source::new("b.rs", "b", ""),
        ];
        assert_eq!(Sources::new(all).stray, ["b.rs"]);
    }
}
