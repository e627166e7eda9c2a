//! The linker as a witness of what keeps what: a program is linked once more with one function
//! replaced by an empty one, and the linker's own garbage collection drops what only that kept.
//!
//! The empty function comes first on the command line and the linker is told to take the first of
//! several definitions (`-z muldefs`), so every reference goes to it, wherever it is.

use crate::command::{command, succeed};
use crate::witness::{Symbol, nm, readelf_sections};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A finished link that can be repeated.
#[derive(Debug)]
pub struct Relink {
    words: Vec<String>,
    directory: PathBuf,
}

/// What the linker dropped, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Dropped {
    /// Of `.text`.
    pub code: u64,
    /// Of the functions that are gone, each with the fill behind it. What the section lacks differs
    /// from that by the fill that the functions left over need at their new places.
    pub functions: u64,
    /// Of constants and variables.
    pub data: u64,
}

impl Relink {
    /// From what rustc printed with `--print link-args`; its objects must have been kept
    /// (`-C save-temps`). New files go to `directory`.
    pub fn new(printed: &str, directory: &Path) -> Self {
        let line = printed.lines().rfind(|line| line.contains("\"-o\""));
        let line = line.expect("rustc prints how it links");
        let words = line.split('"').skip(1).step_by(2).map(str::to_owned);
        // `LC_ALL="C" PATH="…" VSLANG="1033" "cc" …`
        let words: Vec<String> = words.collect();
        let first = words.iter().position(|word| word.ends_with("cc")).unwrap();
        let mut kept = Vec::new();
        let mut words = words.into_iter().skip(first);
        while let Some(word) = words.next() {
            if word == "-o" {
                words.next();
            } else if !word.ends_with("/symbols.o") && !word.contains("/rmeta") {
                // `symbols.o` is gone; it only keeps what libraries export.
                kept.push(word);
            }
        }
        Self {
            words: kept,
            directory: directory.into(),
        }
    }

    /// Links as rustc did.
    pub fn whole(&self) -> PathBuf {
        self.link("whole", &[])
    }

    /// Links with an empty function in the place of `symbol`; `None` where a local function of that
    /// name is still there.
    pub fn without(&self, symbol: &str) -> Option<PathBuf> {
        let source = self.directory.join("stub.s");
        let object = self.directory.join("stub.o");
        let text = format!(
            ".section .text.stub, \"ax\", @progbits\n.globl \"{symbol}\"\n\
             .type \"{symbol}\", @function\n\"{symbol}\": ret\n.size \"{symbol}\", 1\n\
             .section .note.GNU-stack, \"\", @progbits\n"
        );
        fs::write(&source, text).unwrap();
        succeed(command("cc").arg("-c").arg(&source).arg("-o").arg(&object));
        let stub = object.to_str().unwrap();
        let cut = self.link("cut", &[stub, "-Wl,-z,muldefs"]);
        let stays = nm(&cut)
            .iter()
            .any(|own| own.name == symbol && own.size > 1);
        (!stays).then_some(cut)
    }

    fn link(&self, name: &str, first: &[&str]) -> PathBuf {
        let file = self.directory.join(name);
        let (linker, rest) = self.words.split_first().unwrap();
        succeed(
            command(linker)
                .args(first)
                .args(rest)
                .arg("-o")
                .arg(&file)
                .current_dir(&self.directory),
        );
        file
    }
}

impl Dropped {
    /// What `cut` lacks of `whole`.
    pub fn between(whole: &Path, cut: &Path) -> Self {
        let functions = gone(whole, cut);
        let sizes = |file: &Path| -> BTreeMap<String, u64> {
            let sections = readelf_sections(file).into_iter();
            let held = sections.filter(|section| section.kind != "NOBITS");
            held.map(|section| (section.name, section.size)).collect()
        };
        let (whole, cut) = (sizes(whole), sizes(cut));
        let of = |names: &[&str]| {
            let size = |sizes: &BTreeMap<String, u64>| -> u64 {
                names.iter().filter_map(|name| sizes.get(*name)).sum()
            };
            size(&whole).saturating_sub(size(&cut))
        };
        Self {
            code: of(&[".text"]),
            functions,
            data: of(&[".rodata", ".data.rel.ro", ".data"]),
        }
    }
}

/// The largest alignment of a function.
const FILL: u64 = 64;

/// Bytes of the functions of `whole` that `cut` has not, by the symbol tables.
fn gone(whole: &Path, cut: &Path) -> u64 {
    let functions = |file: &Path| -> Vec<Symbol> {
        let mut found = nm(file);
        found.retain(|symbol| "tTwW".contains(symbol.class) && symbol.size > 1);
        found.sort_by_key(|symbol| symbol.address);
        // Several names of one function.
        found.dedup_by_key(|symbol| symbol.address);
        found
    };
    let mut left: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for symbol in functions(cut) {
        *left.entry((symbol.name, symbol.size)).or_default() += 1;
    }
    let all = functions(whole);
    let mut bytes = 0;
    for (at, symbol) in all.iter().enumerate() {
        let key = (symbol.name.clone(), symbol.size);
        if let Some(count) = left.get_mut(&key).filter(|count| **count > 0) {
            *count -= 1;
            continue;
        }
        let end = symbol.address + symbol.size;
        let next = all.get(at + 1).map_or(end, |next| next.address);
        let fill = next.saturating_sub(end);
        bytes += symbol.size + if fill < FILL { fill } else { 0 };
    }
    bytes
}
