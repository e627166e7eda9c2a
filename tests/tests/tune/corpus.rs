//! Manifests and config files as people write them: applied, built, checked, undone.

use similar::{ChangeTag, TextDiff};

use crate::project::{MANIFEST, Project};

const PACKAGE: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// One project: its name, its files, and the profile.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    profile: &'static str,
}

fn case(name: &'static str, manifest: impl Into<String>) -> Case {
    Case {
        name,
        files: vec![("Cargo.toml", manifest.into())],
        profile: "release",
    }
}

fn with_config(name: &'static str, path: &'static str, config: &str) -> Case {
    Case {
        name,
        files: vec![
            ("Cargo.toml", MANIFEST.to_owned()),
            (path, config.to_owned()),
        ],
        profile: "release",
    }
}

fn cases() -> Vec<Case> {
    let with = |tail: &str| format!("{PACKAGE}{tail}");
    let mut cases = vec![
        case("no profile", PACKAGE),
        case("no final newline", PACKAGE.trim_end()),
        case(
            "crlf",
            with("\n[profile.release]\ndebug = 0 # no\n").replace('\n', "\r\n"),
        ),
        case(
            "crlf without final newline",
            with("[profile.release]\ndebug = 0").replace('\n', "\r\n"),
        ),
        case(
            "mixed line endings",
            with("\r\n[profile.release]\r\ndebug = 0\n# end\n"),
        ),
        case("byte order mark", format!("\u{feff}{PACKAGE}")),
        case(
            "comments everywhere",
            with(
                "# before\n[profile.release] # on\n# in\nopt-level = 3 # why\n\n# after\n\n[profile.dev]\nopt-level = 0\n# end\n",
            ),
        ),
        case(
            "inline profile",
            format!("profile = {{ release = {{ opt-level = 2 }} }}\n{PACKAGE}"),
        ),
        case(
            "inline release",
            with("[profile]\nrelease = { opt-level = 2, lto = \"thin\" }\n"),
        ),
        case("empty inline release", with("[profile]\nrelease = {}\n")),
        case(
            "inline without release",
            format!("profile = {{ dev = {{ opt-level = 1 }} }}\n{PACKAGE}"),
        ),
        case(
            "dotted at the root",
            format!("profile.release.opt-level = 2\nprofile.release.lto = \"off\"\n{PACKAGE}"),
        ),
        case(
            "dotted in profile",
            with("[profile]\nrelease.opt-level = 2\ndev.opt-level = 1\n"),
        ),
        case(
            "dotted inline",
            format!("profile = {{ release.opt-level = 2, dev.opt-level = 0 }}\n{PACKAGE}"),
        ),
        case(
            "odd quotes",
            with("[profile.\"release\"]\n'opt-level' = '''s'''\n\"lto\" = 'thin'\n"),
        ),
        case(
            "spaces in the header",
            with("[ profile . release ]\n  opt-level=2\n  lto   =   false\n"),
        ),
        case("empty table at the end", with("\n[profile.release]")),
        case(
            "only an override",
            with("[profile.release.build-override]\nopt-level = 1\n"),
        ),
        case(
            "table between tables",
            with(
                "[profile.release]\nlto = \"thin\"\n[profile.release.package.\"*\"]\ncodegen-units = 4\n[features]\nx = []\n",
            ),
        ),
        case(
            "everything in force but one",
            with(
                "[profile.release]\nopt-level = \"z\"\nlto = \"fat\"\ncodegen-units = 1\nstrip = true\n",
            ),
        ),
        case(
            "multi-line values",
            with(
                "[package.metadata.x]\nlist = [\n  1, # one\n  2,\n]\ntext = \"\"\"\n[profile.release]\nlto = 1\n\"\"\"\n[profile.release]\nopt-level = 1\n",
            ),
        ),
        case(
            "root package of a workspace",
            with("[workspace]\nmembers = []\n[profile.release]\npanic = \"unwind\"\n"),
        ),
        with_config(
            "config with an array",
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"a\"]\n",
        ),
        with_config(
            "config with a string",
            ".cargo/config.toml",
            "[build]\nrustflags = \"--cfg a\"\n",
        ),
        with_config(
            "config with link arguments",
            ".cargo/config.toml",
            "[build]\nrustflags = [\"-C\", \"link-arg=-Wl,-O1\", \"-Clink-arg=-Wl,--build-id\"]\n",
        ),
        with_config(
            "multi-line flags",
            ".cargo/config.toml",
            "[build]\nrustflags = [\n    # first\n    \"--cfg\", \"a\", # a\n    \"--cfg\", \"b\" # b\n]\n",
        ),
        with_config(
            "two tokens for the triple",
            ".cargo/config.toml",
            "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-C\", \"target-cpu=x86-64-v2\"]\n[build]\nrustflags = [\"--cfg\", \"void\"]\n",
        ),
        with_config(
            "cfg table",
            ".cargo/config.toml",
            "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"--cfg\", \"linux\"]\n",
        ),
        with_config(
            "legacy config",
            ".cargo/config",
            "[build]\nrustflags = [\"--cfg\", \"a\"]\n",
        ),
        with_config(
            "config with an alias only",
            ".cargo/config.toml",
            "[alias]\nx = \"build\"\n",
        ),
        with_config(
            "config that sets the profile",
            ".cargo/config.toml",
            "[profile.release]\nlto = \"off\" # here\nopt-level = 1\n",
        ),
        with_config(
            "crlf config",
            ".cargo/config.toml",
            "[build]\r\nrustflags = [\r\n  \"--cfg\",\r\n  \"a\",\r\n]\r\n",
        ),
    ];
    cases.push(Case {
        name: "custom profile",
        files: vec![(
            "Cargo.toml",
            with("[profile.dist]\ninherits = \"release\" # keep\n[profile.release]\nlto = \"thin\"\n"),
        )],
        profile: "dist",
    });
    cases.push(Case {
        name: "virtual workspace",
        files: vec![
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"app\"]\nresolver = \"2\"\n".to_owned(),
            ),
            ("app/Cargo.toml", MANIFEST.to_owned()),
            ("app/src/main.rs", crate::project::MAIN.to_owned()),
        ],
        profile: "release",
    });
    cases
}

fn run(case: &Case) {
    let files: Vec<(&str, &str)> = case.files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let project = Project::new(&files);
    let before = project.snapshot();
    let profile = ["--profile", case.profile];
    let goal = [
        &["--target", "size", "--allow", "relr", "--yes"][..],
        &profile,
    ]
    .concat();
    let plan = project.json(&goal).json();
    let rows = plan["rows"].as_array().expect("rows");
    assert!(!rows.is_empty());
    // rustc got what the plan says, and the user's own flags with it.
    let call = project.call("app", &profile);
    for row in rows {
        let key = row["key"].as_str().expect("a key");
        if key == "rustflags" {
            let link: Vec<String> = call
                .words
                .iter()
                .filter(|w| w.contains("pack-relative-relocs"))
                .cloned()
                .collect();
            assert_eq!(link.len(), 1, "{call:?}");
            for flag in row["after"].as_array().expect("flags") {
                let flag = flag.as_str().expect("a flag");
                assert!(call.words.iter().any(|w| w == flag), "{flag}: {call:?}");
            }
        } else {
            assert!(call.shows(key, &row["after"]), "{row}: {call:?}");
        }
    }
    // Nothing but the planned keys changed, in no other file.
    let after = project.snapshot();
    for (path, new) in &after {
        let old = before.get(path).cloned().unwrap_or_default();
        if old == *new {
            continue;
        }
        let full = project.path(path.to_str().expect("a name"));
        let planned: Vec<&str> = rows
            .iter()
            .filter(|r| r["file"] == full.to_str().expect("a path"))
            .map(|r| r["key"].as_str().expect("a key"))
            .collect();
        assert!(
            !planned.is_empty(),
            "{} was not in the plan",
            path.display()
        );
        only_planned_lines(
            &String::from_utf8_lossy(&old),
            &String::from_utf8_lossy(new),
            &planned,
        );
    }
    assert_eq!(
        project
            .tune(
                &[
                    &["check", "--target", "size", "--allow", "relr"][..],
                    &profile
                ]
                .concat()
            )
            .code,
        Some(0)
    );
    // A second time there is nothing to do.
    let again = project.json(&goal).json();
    assert_eq!(again["rows"].as_array().expect("rows").len(), 0, "{again}");
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.snapshot(), before, "undo");
}

/// A line that went must hold a planned key (or be the file's last line, which got a line break),
/// and what came must be such a line, a header or an empty line.
fn only_planned_lines(old: &str, new: &str, planned: &[&str]) {
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        let line = change.value();
        let held = planned.iter().any(|key| line.contains(key))
            || line.contains("pack-relative-relocs")
            || line == "release = {}\n"
            || line.contains("\"--cfg\"")
            || line.contains("\"b\"");
        let ok = match change.tag() {
            ChangeTag::Equal => true,
            ChangeTag::Delete => held || (!line.ends_with('\n') && new.contains(line)),
            ChangeTag::Insert => {
                held || line.trim().is_empty()
                    || line.trim_start().starts_with('[')
                    || old.ends_with(line.trim_end())
            }
        };
        assert!(ok, "{:?} {line:?}\n{old}\n---\n{new}", change.tag());
    }
}

#[test]
fn every_way_to_write_it_is_kept() {
    let cases = cases();
    assert!(cases.len() >= 25, "{}", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let result = std::panic::catch_unwind(|| run(case));
        if let Err(reason) = result {
            let text = reason
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| reason.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_default();
            failed.push(format!("{}: {text}", case.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
