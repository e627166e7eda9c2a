//! The arguments that rustc got, one file for each compilation.
//!
//! The only proof that a knob landed is what rustc was told. A private build runs with this program
//! as its compiler wrapper ([`super::wrapper`]), which writes the arguments of each unit to a file
//! named after the crate and its `extra-filename`. Cargo does not run rustc for a unit that is
//! fresh, so the files stay beside the private target directory: what is on disk was made with the
//! arguments that its file holds.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use codecost::cargo::config::codegen_options;
use codecost::{Error, Result};
use serde::{Deserialize, Serialize};

/// One compilation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The package's name.
    pub package: String,
    /// The directory of its manifest.
    pub root: PathBuf,
    /// Whether cargo was asked to build it, and did not only need it for something else.
    pub primary: bool,
    /// All arguments after the compiler's name.
    pub args: Vec<String>,
}

impl Unit {
    /// The crate's name.
    pub fn crate_name(&self) -> &str {
        self.value_after("--crate-name").unwrap_or_default()
    }

    /// The crate types.
    pub fn crate_types(&self) -> Vec<&str> {
        let pairs = self.args.iter().zip(self.args.iter().skip(1));
        pairs
            .filter(|(flag, _)| *flag == "--crate-type")
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Whether it runs in the compiler or before it: a proc-macro or a build script.
    pub fn is_compile_time(&self) -> bool {
        self.crate_name().starts_with("build_script_") || self.crate_types().contains(&"proc-macro")
    }

    /// Whether it is a test harness.
    pub fn is_test(&self) -> bool {
        self.args.iter().any(|a| a == "--test")
    }

    fn value_after(&self, flag: &str) -> Option<&str> {
        let at = self.args.iter().position(|a| a == flag)?;
        self.args.get(at + 1).map(String::as_str)
    }

    /// The last value that rustc got for a codegen option: `None` if it got none, an empty string
    /// if it got the bare option.
    pub fn codegen(&self, name: &str) -> Option<String> {
        let options = codegen_options(&self.args);
        let last = options.into_iter().rev().find(|o| o.name == name)?;
        Some(last.value.unwrap_or_default())
    }

    /// Whether an argument is there, in one word or (`-C` and its value) in two.
    pub fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|a| a == flag)
            || flag.strip_prefix("-C").is_some_and(|body| {
                let mut pairs = self.args.iter().zip(self.args.iter().skip(1));
                pairs.any(|(c, b)| c == "-C" && b == body)
            })
    }

    /// The files that it writes, as far as they are there.
    pub fn outputs(&self) -> Vec<PathBuf> {
        let Some(directory) = self.value_after("--out-dir") else {
            return Vec::new();
        };
        let own = format!("{}{}", self.crate_name(), self.extra_filename());
        let is_own = |name: &str| {
            let name = name.strip_prefix("lib").unwrap_or(name);
            name.strip_prefix(&own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_str().is_some_and(is_own))
            .map(|entry| entry.path())
            .collect()
    }

    /// `-HASH` of the file names.
    pub(super) fn extra_filename(&self) -> String {
        self.codegen("extra-filename").unwrap_or_default()
    }

    /// The name of the library file that it writes: `libfoo-HASH`.
    fn file_stem(&self) -> String {
        format!("lib{}{}", self.crate_name(), self.extra_filename())
    }

    /// The names of the library files that it is given: `libfoo-HASH`.
    fn externs(&self) -> Vec<String> {
        let pairs = self.args.iter().zip(self.args.iter().skip(1));
        pairs
            .filter(|(flag, _)| *flag == "--extern")
            .filter_map(|(_, value)| {
                let (_, path) = value.split_once('=')?;
                let path = Path::new(path);
                let library = matches!(path.extension()?.to_str()?, "rlib" | "rmeta");
                library.then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned()))?
            })
            .collect()
    }
}

/// All units that were written to a directory.
#[derive(Debug, Default)]
pub struct Units {
    units: Vec<(String, SystemTime, Unit)>,
}

impl Units {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be read; there being none is no error.
    pub fn load(directory: &Path) -> Result<Self> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::read(directory, error)),
        };
        let mut units = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| Error::read(directory, e))?.path();
            let Some(stem) = path
                .file_name()
                .and_then(|n| n.to_str())
                .and_then(|n| n.strip_suffix(".json"))
            else {
                continue;
            };
            let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
            // A file that an interrupted build left incomplete counts as none.
            if let Ok(unit) = serde_json::from_str(&text) {
                let modified = fs::metadata(&path).and_then(|m| m.modified());
                let modified = modified.unwrap_or(SystemTime::UNIX_EPOCH);
                units.push((stem.to_owned(), modified, unit));
            }
        }
        Ok(Self { units })
    }

    /// The units that were asked for: of several versions of one target the latest.
    pub fn roots(&self) -> Vec<&Unit> {
        let mut latest: Vec<&(String, SystemTime, Unit)> = Vec::new();
        for entry in self.units.iter().filter(|(_, _, u)| u.primary) {
            let same = |other: &&(String, SystemTime, Unit)| {
                other.2.package == entry.2.package
                    && other.2.crate_name() == entry.2.crate_name()
                    && other.2.crate_types() == entry.2.crate_types()
                    && other.2.is_test() == entry.2.is_test()
            };
            match latest.iter().position(same) {
                Some(at) => {
                    if let Some(old) = latest.get_mut(at).filter(|old| old.1 < entry.1) {
                        *old = entry;
                    }
                }
                None => latest.push(entry),
            }
        }
        latest.into_iter().map(|(_, _, unit)| unit).collect()
    }

    /// As [`Self::closure`]; `None` if the compilation of any of it was not seen.
    pub fn all_of<'r>(&'r self, root: &'r Unit) -> Option<Vec<&'r Unit>> {
        let all = self.closure(root);
        let known: HashSet<String> = all.iter().map(|unit| unit.file_stem()).collect();
        let mut named = all.iter().flat_map(|unit| unit.externs());
        named.all(|name| known.contains(&name)).then_some(all)
    }

    /// The unit and everything that is linked into it; not what runs at compile time.
    pub fn closure<'r>(&'r self, root: &'r Unit) -> Vec<&'r Unit> {
        let mut found = vec![root];
        let mut names: Vec<String> = root.externs();
        let mut seen: HashSet<String> = names.iter().cloned().collect();
        while let Some(name) = names.pop() {
            let stem = name.strip_prefix("lib").unwrap_or(&name);
            let Some((_, _, unit)) = self.units.iter().find(|(own, _, _)| own == stem) else {
                continue;
            };
            found.push(unit);
            for next in unit.externs() {
                if seen.insert(next.clone()) {
                    names.push(next);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(args: &[&str]) -> Unit {
        Unit {
            package: "a".into(),
            root: PathBuf::new(),
            primary: true,
            args: args.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    #[test]
    fn the_last_codegen_option_counts() {
        let unit = unit(&[
            "--crate-name",
            "a",
            "-C",
            "opt-level=z",
            "-C",
            "lto",
            "-Copt-level=1",
        ]);
        assert_eq!(unit.codegen("opt-level").as_deref(), Some("1"));
        assert_eq!(unit.codegen("lto").as_deref(), Some(""));
        assert_eq!(unit.codegen("panic"), None);
        assert!(unit.has("-Copt-level=1") && unit.has("-Clto"));
    }

    #[test]
    fn only_libraries_are_linked_in() {
        let unit = unit(&[
            "--extern",
            "b=/t/libb-1.rlib",
            "--extern",
            "m=/t/libm-2.so",
            "--extern",
            "c=/t/libc-3.rmeta",
        ]);
        assert_eq!(unit.externs(), ["libb-1", "libc-3"]);
    }

    #[test]
    fn a_units_files_are_told_from_others() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().display().to_string();
        let own = unit(&[
            "--crate-name",
            "a",
            "--out-dir",
            &at,
            "-C",
            "extra-filename=-12",
        ]);
        for name in ["liba-12.rlib", "a-12.d", "a-12", "a-123.d", "liba-1.rlib"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let mut names: Vec<String> = own
            .outputs()
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        assert_eq!(names, ["a-12", "a-12.d", "liba-12.rlib"]);
        assert!(unit(&["--crate-name", "a"]).outputs().is_empty());
    }

    #[test]
    fn a_program_is_known_only_with_all_of_its_crates() {
        let program = unit(&["--crate-name", "p", "--extern", "a=/t/liba-1.rmeta"]);
        let library = unit(&["--crate-name", "a", "-C", "extra-filename=-1"]);
        let entry =
            |name: &str, unit: &Unit| (name.to_owned(), SystemTime::UNIX_EPOCH, unit.clone());
        let all = Units {
            units: vec![entry("p", &program), entry("a-1", &library)],
        };
        assert_eq!(all.all_of(&program).map(|units| units.len()), Some(2));
        let one = Units {
            units: vec![entry("p", &program)],
        };
        assert_eq!(one.all_of(&program), None);
    }
}
