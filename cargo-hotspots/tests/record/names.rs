//! Every name that any view prints is accepted by `asm`, `callers` and `callees`: on recordings of
//! programs of many kinds, written in several languages, with and without debug information.

use super::Driver;
use cargo_hotspots::{
    analysis::{
        self, By, Frames,
        asm::{LoopQuery, Query},
    },
    export,
    open::Opened,
    record,
};
use codecost::{attribution::Origin, disasm::Syntax};
use std::{collections::BTreeMap, path::Path, process::Command};

/// A program, how it is recorded, and a word that must be in a name so that the case is what it is for.
struct Kind {
    name: &'static str,
    compiler: &'static [&'static str],
    source: &'static str,
    arguments: &'static str,
    stacks: &'static str,
    shows: &'static str,
}

/// So many functions of the kernel are asked for.
const KERNEL: usize = 12;

const RUST: [&str; 4] = ["rustc", "--edition=2024", "-O", "-g"];

const KINDS: [Kind; 11] = [
    Kind {
        name: "async",
        compiler: &RUST,
        source: "names/async.rs",
        arguments: "",
        stacks: "dwarf",
        shows: "{closure",
    },
    Kind {
        name: "async by frame pointers",
        compiler: &[
            "rustc",
            "--edition=2024",
            "-O",
            "-g",
            "-Cforce-frame-pointers=yes",
        ],
        source: "names/async.rs",
        arguments: "",
        stacks: "fp",
        shows: "::<",
    },
    Kind {
        name: "async with v0 names",
        compiler: &[
            "rustc",
            "--edition=2024",
            "-O",
            "-g",
            "-Csymbol-mangling-version=v0",
        ],
        source: "names/async.rs",
        arguments: "",
        stacks: "dwarf",
        shows: "everywhere",
    },
    Kind {
        name: "async with symbols only",
        compiler: &["rustc", "--edition=2024", "-O"],
        source: "names/async.rs",
        arguments: "",
        stacks: "dwarf",
        shows: "work",
    },
    Kind {
        name: "async without stacks",
        compiler: &RUST,
        source: "names/async.rs",
        arguments: "",
        stacks: "none",
        shows: "everywhere",
    },
    Kind {
        name: "kernel",
        compiler: &RUST,
        source: "kinds.rs",
        arguments: "system-calls",
        stacks: "dwarf",
        shows: "read_exact",
    },
    Kind {
        name: "programs of the system",
        compiler: &RUST,
        source: "kinds.rs",
        arguments: "pipeline",
        stacks: "dwarf",
        shows: "main",
    },
    Kind {
        name: "C",
        compiler: &["gcc", "-O2", "-g"],
        source: "names/plain.c",
        arguments: "",
        stacks: "dwarf",
        shows: "by_value",
    },
    Kind {
        name: "C with symbols only",
        compiler: &["gcc", "-O2"],
        source: "names/plain.c",
        arguments: "",
        stacks: "dwarf",
        shows: "by_value",
    },
    Kind {
        name: "C stripped",
        compiler: &["gcc", "-O2", "-s"],
        source: "names/plain.c",
        arguments: "",
        stacks: "fp",
        shows: "getppid",
    },
    Kind {
        name: "C++",
        compiler: &["g++", "-O2", "-g"],
        source: "names/templates.cpp",
        arguments: "",
        stacks: "dwarf",
        shows: "mixed",
    },
];

#[test]
fn every_name_of_every_kind_of_recording_is_understood() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let program = directory.path().join(kind.name.replace(' ', "-"));
        let built = Command::new(kind.compiler[0])
            .args(&kind.compiler[1..])
            .arg("-o")
            .args([&program, &fixtures.join(kind.source)])
            .status();
        assert!(built.unwrap().success(), "{}", kind.name);
        let mut options = vec![
            ("EXEC", program.to_str().unwrap()),
            ("STACKS", kind.stacks),
            ("EVENT", "cpu-clock"),
            ("FREQUENCY", "1999"),
        ];
        if !kind.arguments.is_empty() {
            options.push(("ARGS", kind.arguments));
        }
        let driven = Driver::new(&options).run();
        let (data, _) = driven.recording();
        let names = every_name_is_understood(&data);
        let shown = names.iter().any(|name| name.contains(kind.shows));
        assert!(shown, "{}: no `{}` in {names:#?}", kind.name, kind.shows);
    }
}

/// Asks for each name; returns them.
pub(super) fn every_name_is_understood(data: &Path) -> Vec<String> {
    let opened = Opened::read(record::open(data).unwrap(), String::new(), false).unwrap();
    let subject = opened.subject();
    let names = names(&opened);
    assert!(names.len() > 20, "{names:?}");
    let mut wrong = Vec::new();
    for (name, view) in &names {
        for (asked, calls) in [
            ("callers", analysis::callers as fn(&_, &_, _) -> _),
            ("callees", analysis::callees),
        ] {
            if let Err(error) = calls(&subject, name, Frames::All) {
                wrong.push(format!(
                    "{asked} {name} of {view}: {error} {:?}",
                    error.hint()
                ));
            }
        }
    }
    let queries: Vec<_> = names.keys().map(|name| Query::of(name)).collect();
    let answers = analysis::asm::each(subject.profile, subject.symbols, &queries);
    for ((name, view), answer) in names.iter().zip(answers) {
        match answer {
            Ok(_) => {}
            // The kernel's code is in no file.
            Err(error) if error.to_string().contains("is in no file") => {}
            Err(error) => wrong.push(format!("asm {name} of {view}: {error} {:?}", error.hint())),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
    names.into_keys().collect()
}

/// All names of functions that views print, and which view it was.
fn names(opened: &Opened) -> BTreeMap<String, &'static str> {
    let subject = opened.subject();
    let mut names: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut add = |view: &'static str, found: Vec<String>| {
        for name in found {
            // What stands for no function.
            let bucket = name.is_empty() || name.starts_with('[') && name.ends_with(']');
            if !bucket {
                names.entry(name).or_insert(view);
            }
        }
    };
    let functions = analysis::functions(&subject).unwrap().rows;
    add(
        "functions",
        functions.iter().map(|row| row.name.clone()).collect(),
    );
    let lines = analysis::lines(&subject).unwrap().rows;
    add(
        "lines",
        lines.iter().map(|row| row.function.clone()).collect(),
    );
    let threads = analysis::threads(&subject).unwrap().rows;
    add(
        "threads",
        threads
            .into_iter()
            .filter_map(|row| Some(row.hottest?.0))
            .collect(),
    );
    for hot in functions.iter().take(6) {
        for calls in [analysis::callers, analysis::callees] {
            for frames in [Frames::All, Frames::Folded] {
                let found = calls(&subject, &hot.name, frames).unwrap().rows;
                add(
                    "calls",
                    found.rows.iter().map(|row| row.name.clone()).collect(),
                );
                add("calls", vec![found.function]);
            }
        }
        let asked = analysis::asked(&subject, &hot.name, By::Function)
            .unwrap()
            .rows;
        add(
            "asked",
            asked.rows.iter().map(|row| row.name.clone()).collect(),
        );
        if let Ok(asm) = analysis::asm::analyse(&subject, &Query::of(&hot.name)) {
            let asm = asm.rows;
            let callers = asm.callers_if_inlined.iter().chain(&asm.other_copies);
            add(
                "asm",
                callers.map(|caller| caller.function.clone()).collect(),
            );
            add(
                "asm",
                asm.parts.iter().map(|part| part.function.clone()).collect(),
            );
            let inlined = asm.rows.iter().filter(|row| row.own.samples > 0);
            add("asm", inlined.flat_map(|row| row.inlined.clone()).collect());
            add("asm", vec![asm.function]);
        }
    }
    let query = LoopQuery {
        roots: opened.source_roots(),
        syntax: Syntax::default(),
        model: false,
        functions: analysis::asm::FUNCTIONS,
        own: false,
    };
    let cards = analysis::asm::loops(&subject, &query).unwrap().rows;
    add(
        "loops",
        cards.into_iter().map(|card| card.function).collect(),
    );
    let overview = analysis::overview(&subject).unwrap().rows;
    let commands = overview.findings.iter().map(|finding| &finding.command);
    let asked = commands.filter_map(|command| {
        let words = ["asm ", "callers ", "callees "];
        let rest = words.iter().find_map(|word| command.split_once(word))?.1;
        let quoted = rest
            .strip_prefix('\'')
            .and_then(|rest| rest.split('\'').next());
        Some(quoted.or(rest.split(' ').next())?.to_owned())
    });
    add("findings", asked.collect());
    let mut folded = Vec::new();
    export::folded(opened.symbolized(), &mut folded).unwrap();
    let folded = String::from_utf8(folded).unwrap();
    for line in folded.lines() {
        let (stack, _) = line.rsplit_once(' ').unwrap();
        add(
            "folded",
            stack.split(';').skip(1).map(str::to_owned).collect(),
        );
    }
    // The kernel has hundreds on a stack, all alike.
    let owner = |name: &str| {
        let mut all = opened.symbols.functions.iter();
        let known = all.find(|function| function.name == name.trim_end_matches("_[i]"))?;
        Some(opened.symbols.crates.get(known.owner.0 as usize)?.origin)
    };
    let mut of_kernel = 0;
    names.retain(|name, _| {
        let is_kernel = owner(name) == Some(Origin::Kernel);
        of_kernel += usize::from(is_kernel);
        !is_kernel || of_kernel <= KERNEL
    });
    names
}
