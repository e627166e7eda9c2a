//! What makes two builds less comparable than they seem.

use super::{causes::Known, unknown};
use crate::snapshot::{Artifact, Snapshot};
use codecost::report::Warning;

/// One warning for each way in which the two sides are unlike.
pub(super) fn warnings(before: &Snapshot, after: &Snapshot) -> Vec<Warning> {
    let found = [
        unknown::warning("before", before),
        unknown::warning("after", after),
        targets(&before.artifact, &after.artifact),
        additions(before, after),
        packages(before, after),
        older(before, after),
    ];
    found.into_iter().flatten().collect()
}

/// A snapshot of an earlier version does not say what ships of each crate.
fn older(before: &Snapshot, after: &Snapshot) -> Option<Warning> {
    let silent = |side: &&Snapshot| side.artifact.shipped_size.is_some() && !side.says_what_ships();
    let sides = [before, after];
    let path = sides.into_iter().find(silent)?.file();
    let message = format!(
        "the snapshot `{path}` is of an earlier version, which did not record what ships of each \
         crate, so the rows are about the analysed files, with debug information and symbols"
    );
    Some(Warning::new("older-snapshot", message).help("take the snapshot again"))
}

fn targets(old: &Artifact, new: &Artifact) -> Option<Warning> {
    let unlike = old.architecture != new.architecture || old.format != new.format;
    let message = format!(
        "the two files are for different targets: {} {} and {} {}",
        old.format, old.architecture, new.format, new.architecture
    );
    let universal = [old, new].map(|side| side.architecture == "universal");
    let help = match universal {
        [true, false] => format!("compare the same image: `--arch {}`", new.architecture),
        [false, true] => format!("compare the same image: `--arch {}`", old.architecture),
        _ => {
            "compare two files for the same target: pass the same `--target` to both builds".into()
        }
    };
    unlike.then(|| Warning::new("other-target", message).help(help))
}

/// One side was built for the analysis, the other is a file as somebody built it.
fn additions(before: &Snapshot, after: &Snapshot) -> Option<Warning> {
    let (was, is) = (made(before), made(after));
    if was == is {
        return None;
    }
    let (old, new) = (before.file(), after.file());
    let message =
        format!("the two files were built differently: `{old}` is {was}, `{new}` is {is}");
    let help = "compare two snapshots that `cargo slim snapshot` built, or two files that you \
                built in the same way";
    Some(Warning::new("other-additions", message).help(help))
}

/// How the analysed file was made. What counts is what it is, not what had to be added for it:
/// a build for the analysis always has v0 names, and a compiler that makes them by itself needs no
/// flag.
fn made(snapshot: &Snapshot) -> String {
    if !is_built(snapshot) {
        return "a file as it was found".into();
    }
    let v0 = "v0 names";
    let notes = snapshot.artifact.build_notes.iter().map(String::as_str);
    let all: Vec<&str> = notes.filter(|note| *note != v0).chain([v0]).collect();
    format!("a build for the analysis with {}", all.join(", "))
}

/// Whether cargo built it for us: of other files the compiler is not known.
fn is_built(snapshot: &Snapshot) -> bool {
    let build = snapshot.build.as_ref();
    build.is_some_and(|build| build.toolchain.is_some())
}

/// The packages of one side are those that were compiled, of the other at most those of a lock
/// file: every package that is off or for another target would look like a change.
fn packages(before: &Snapshot, after: &Snapshot) -> Option<Warning> {
    let known = [before, after].map(|side| Known::of(side.build.as_ref()));
    if known[0] == known[1] || !known.contains(&Known::Compiled) {
        return None;
    }
    let of = |index: usize, side: &Snapshot| {
        let what = match known[index] {
            Known::Compiled => "the compiled packages",
            Known::Locked => "only the packages in the lock file above it",
            Known::Nothing => "no packages",
        };
        format!("{what} of `{}`", side.file())
    };
    let message = format!(
        "changes of dependencies are not listed: known are {}, and {}",
        of(0, before),
        of(1, after)
    );
    Some(
        Warning::new("other-packages", message)
            .help("produce both sides with `cargo slim snapshot`, or build both with `--rev A..B`"),
    )
}
