//! Files of arguments: `@FILE` among rustc's flags, and among those for the linker.
//!
//! rustc takes each line of a file as one argument, and looks for no file in a file (rustc's
//! `driver/args.rs`). gcc, clang and GNU ld, lld and mold split a file at white space, with quotes
//! and backslashes (libiberty's `buildargv`). A relative path is looked up where cargo starts rustc
//! for the workspace's own crates: in the directory of the root manifest. Only files of a modest size
//! are read, and a file that is not there stays the flag that it is, as it does for the linker.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// No one writes so many flags by hand.
const LIMIT: u64 = 64 << 10;

/// The flags with those of the files in their place. Files for the linker are read for targets that
/// link through a compiler driver of Unix.
pub(super) fn expanded(flags: Vec<String>, root: &Path, triple: &str) -> Vec<String> {
    let mut all = Vec::new();
    for flag in flags {
        match flag.strip_prefix('@').and_then(|file| read(root, file)) {
            Some(text) => {
                let lines = text.lines().filter(|line| !line.is_empty());
                all.extend(lines.map(str::to_owned));
            }
            None => all.push(flag),
        }
    }
    let has_driver = triple.contains("-linux-") || triple.contains("bsd");
    match has_driver {
        true => all
            .into_iter()
            .flat_map(|flag| for_linker(&flag, root).unwrap_or_else(|| vec![flag]))
            .collect(),
        false => all,
    }
}

/// What a flag hands to the linker from files; `None` if it names none that is there.
fn for_linker(flag: &str, root: &Path) -> Option<Vec<String>> {
    // Of `-C` and `link-arg=…`, two flags, the `-C` is there already.
    let prefixes = ["-C", "--codegen=", ""];
    let (prefix, option) = prefixes.iter().find_map(|prefix| {
        let option = flag.strip_prefix(prefix)?;
        option.starts_with("link").then_some((*prefix, option))
    })?;
    let (name, value) = option.split_once('=')?;
    let given: Vec<&str> = match name.replace('_', "-").as_str() {
        "link-arg" => vec![value],
        "link-args" => value.split_whitespace().collect(),
        _ => return None,
    };
    let mut words = Vec::new();
    for word in &given {
        let to_linker = word.strip_prefix("-Wl,").filter(|word| !word.contains(','));
        let file = to_linker.unwrap_or(word).strip_prefix('@');
        match file.and_then(|file| read(root, file)) {
            Some(text) => words.extend(split(&text).into_iter().flat_map(|word| {
                let handed_on = to_linker.map(|_| "-Xlinker".to_owned());
                handed_on.into_iter().chain([word])
            })),
            None => words.push((*word).to_owned()),
        }
    }
    if words == given {
        return None;
    }
    let flag = |word| format!("{prefix}link-arg={word}");
    let second = |at: usize| (prefix.is_empty() && at > 0).then(|| "-C".to_owned());
    let words = words.into_iter().enumerate();
    Some(
        words
            .flat_map(|(at, word)| second(at).into_iter().chain([flag(word)]))
            .collect(),
    )
}

fn read(root: &Path, file: &str) -> Option<String> {
    let path = root.join(file);
    // A pipe would wait for its writer.
    let size = std::fs::metadata(&path).ok().filter(|m| m.is_file())?.len();
    let file = File::open(path).ok().filter(|_| size <= LIMIT)?;
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Words between white space; quotes of both kinds hold white space, and a backslash takes the next
/// character as it is.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', _) => word
                .get_or_insert_default()
                .extend(characters.next().as_slice()),
            (end, Some(open)) if end == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_ascii_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_flags_is_read_line_by_line() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(
            root.path().join("a b"),
            "-Copt-level=1\n-C\nlto=off x\n\n@c\n",
        )
        .unwrap();
        let flags = |flags: &[&str]| {
            let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
            expanded(flags, root.path(), "aarch64-apple-darwin")
        };
        assert_eq!(
            flags(&["-g", "@a b", "-O"]),
            ["-g", "-Copt-level=1", "-C", "lto=off x", "@c", "-O"]
        );
        assert_eq!(flags(&["@absent", "@"]), ["@absent", "@"]);
        std::fs::write(root.path().join("large"), " ".repeat(LIMIT as usize + 1)).unwrap();
        std::fs::write(root.path().join("bytes"), b"-s\xff").unwrap();
        assert_eq!(flags(&["@large", "@bytes"]), ["@large", "@bytes"]);
    }

    #[test]
    fn a_file_of_words_is_split_as_the_linker_splits_it() {
        let root = tempfile::tempdir().unwrap();
        let text = "-Wl,-s\n  'a b' \"c'd\" e\\ f \"\" g\\\\";
        assert_eq!(split(text), ["-Wl,-s", "a b", "c'd", "e f", "", "g\\"]);
        std::fs::write(root.path().join("link"), "-s\n'a b'").unwrap();
        let flags = |flags: &[&str]| {
            let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
            expanded(flags, root.path(), "x86_64-unknown-linux-gnu")
        };
        for (given, expected) in [
            (
                &["-Clink-arg=@link"][..],
                &["-Clink-arg=-s", "-Clink-arg=a b"][..],
            ),
            (
                &["-C", "link-arg=@link", "-g"],
                &["-C", "link-arg=-s", "-C", "link-arg=a b", "-g"],
            ),
            (
                &["--codegen=link_args=-pie @link"],
                &[
                    "--codegen=link-arg=-pie",
                    "--codegen=link-arg=-s",
                    "--codegen=link-arg=a b",
                ],
            ),
            (
                &["-Clink-arg=-Wl,@link"],
                &[
                    "-Clink-arg=-Xlinker",
                    "-Clink-arg=-s",
                    "-Clink-arg=-Xlinker",
                    "-Clink-arg=a b",
                ],
            ),
            (&["-Clink-arg=@absent"], &["-Clink-arg=@absent"]),
            (&["-Clink-args=-a -b"], &["-Clink-args=-a -b"]),
        ] {
            assert_eq!(flags(given), expected);
        }
    }
}
