//! Where a value comes from and what makes it void: `show` against rustc's arguments.

use crate::project::{Call, MANIFEST, Project, Run};

/// A manifest with a release profile.
fn manifest(profile: &str) -> String {
    format!("{MANIFEST}\n{profile}")
}

/// Everything that `show` says is in force must be in rustc's arguments, and what is void must
/// not be.
fn agree(run: &Run, call: &Call, profile: &str) {
    let json = run.json();
    let table = format!("profile.{profile}");
    let mut checked = 0;
    for row in json["rows"].as_array().expect("rows") {
        let key = row["key"].as_str().expect("a key");
        if row["table"] == table.as_str() && row["shadowed_by"].is_null() && row["void"].is_null() {
            assert!(call.shows(key, &row["value"]), "{row}\n{call:?}");
            checked += 1;
        }
    }
    assert!(checked >= 8, "only {checked} keys were compared");
    let flags: Vec<&str> = json["rustflags"]
        .as_array()
        .expect("rustflags")
        .iter()
        .map(|f| f.as_str().expect("a flag"))
        .collect();
    let cfgs: Vec<&str> = flags
        .iter()
        .zip(flags.iter().skip(1))
        .filter(|(f, _)| **f == "--cfg")
        .map(|(_, v)| *v)
        .collect();
    assert_eq!(cfgs, call.after("--cfg"), "{json}");
}

/// `show` and a build agree; returns `show`.
fn shown(project: &Project, arguments: &[&str]) -> Run {
    let run = project.json(&[&["show"], arguments].concat());
    let mut build = vec!["--release"];
    let mut profile = "release";
    let mut index = 0;
    let mut rest = Vec::new();
    while let Some(argument) = arguments.get(index) {
        if *argument == "--profile" {
            profile = arguments[index + 1];
            build = vec!["--profile", profile];
            index += 1;
        } else if *argument == "--triple" {
            rest.extend(["--target", arguments[index + 1]]);
            index += 1;
        } else {
            rest.push(*argument);
        }
        index += 1;
    }
    build.extend(rest);
    agree(&run, &project.call("app", &build), profile);
    run
}

/// The row in force for a key.
fn in_force(run: &Run, key: &str) -> serde_json::Value {
    let rows = run.rows(key);
    let found = rows
        .iter()
        .find(|r| r["shadowed_by"].is_null() && r["void"].is_null());
    found
        .unwrap_or_else(|| panic!("nothing in force for {key}: {rows:?}"))
        .clone()
}

/// The reason of the one void row for a key, and a warning that names `place`.
fn void(run: &Run, key: &str, place: &str) -> String {
    let rows: Vec<_> = run
        .rows(key)
        .into_iter()
        .filter(|r| !r["void"].is_null())
        .collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let warnings = run.json()["warnings"].to_string();
    assert!(
        warnings.contains(place),
        "no warning names {place}: {warnings}"
    );
    rows[0]["void"].as_str().expect("a reason").to_owned()
}

#[test]
fn defaults_are_cargos() {
    let project = Project::new(&[("Cargo.toml", MANIFEST)]);
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "opt-level")["origin"]["kind"], "default");
    shown(&project, &["--profile", "dev"]);
}

#[test]
fn the_manifest_is_named_with_its_line() {
    let project = Project::new(&[(
        "Cargo.toml",
        &manifest("[profile.release]\nopt-level = \"s\"\n"),
    )]);
    let run = shown(&project, &[]);
    let row = in_force(&run, "opt-level");
    assert_eq!(row["value"], "s");
    assert_eq!(row["origin"]["kind"], "manifest");
    assert_eq!(row["origin"]["line"], 7);
    assert_eq!(
        row["origin"]["path"],
        project.path("Cargo.toml").to_str().unwrap()
    );
}

#[test]
fn a_config_file_wins_over_the_manifest() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &manifest("[profile.release]\nlto = true\nopt-level = 2\n"),
        ),
        (".cargo/config.toml", "[profile.release]\nlto = \"off\"\n"),
    ]);
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "lto")["value"], "off");
    assert_eq!(in_force(&run, "lto")["origin"]["kind"], "config");
    let lost = run
        .rows("lto")
        .into_iter()
        .find(|r| !r["shadowed_by"].is_null())
        .unwrap();
    assert_eq!(lost["value"], true);
    assert!(
        lost["shadowed_by"]["path"]
            .as_str()
            .unwrap()
            .ends_with("config.toml")
    );
}

#[test]
fn a_variable_wins_over_config_and_the_command_line_over_both() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &manifest("[profile.release]\nopt-level = 1\n"),
        ),
        (".cargo/config.toml", "[profile.release]\nopt-level = 2\n"),
    ])
    .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s");
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "opt-level")["origin"]["kind"], "environment");
    let run = shown(&project, &["--config", "profile.release.opt-level=\"z\""]);
    assert_eq!(
        in_force(&run, "opt-level")["origin"]["kind"],
        "command-line"
    );
    assert_eq!(run.rows("opt-level").len(), 4);
}

#[test]
fn a_custom_profile_inherits_and_its_own_keys_win() {
    let project = Project::new(&[(
        "Cargo.toml",
        &manifest("[profile.release]\nlto = \"thin\"\nopt-level = 1\n[profile.dist]\ninherits = \"release\"\nopt-level = 2\n"),
    )])
    .env("CARGO_PROFILE_DIST_CODEGEN_UNITS", "3");
    let run = shown(&project, &["--profile", "dist"]);
    assert_eq!(in_force(&run, "opt-level")["value"], 2);
    assert_eq!(in_force(&run, "lto")["value"], "thin");
    assert_eq!(
        in_force(&run, "codegen-units")["origin"]["path"],
        "CARGO_PROFILE_DIST_CODEGEN_UNITS"
    );
}

#[test]
fn a_members_profile_is_void() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\"]\nresolver = \"2\"\n",
        ),
        (
            "app/Cargo.toml",
            &manifest("[profile.release]\nlto = true\n"),
        ),
        ("app/src/main.rs", crate::project::MAIN),
    ]);
    let run = shown(&project, &[]);
    let reason = void(&run, "lto", "app/Cargo.toml");
    assert!(reason.contains("member"), "{reason}");
    assert_eq!(in_force(&run, "lto")["value"], false);
}

#[test]
fn an_excluding_workspaces_profile_does_not_reach_the_excluded() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nexclude = [\"app\"]\n[profile.release]\nopt-level = 1\n",
        ),
        ("app/Cargo.toml", MANIFEST),
        ("app/src/main.rs", crate::project::MAIN),
    ])
    .cwd("app/app");
    let run = shown(&project, &[]);
    assert!(void(&run, "opt-level", "Cargo.toml").contains("excludes"));
}

#[test]
fn rustflags_of_a_target_void_those_of_build() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"b\"]\n[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"u\"]\n[target.'cfg(windows)']\nrustflags = \"--cfg w\"\n[target.'cfg(not(windows))']\nrustflags = \"--cfg n\"\n",
        ),
    ]);
    let run = shown(&project, &[]);
    assert!(void(&run, "rustflags", "config.toml").contains("one kind"));
}

#[test]
fn an_empty_rustflags_variable_voids_the_config() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"b\"]\n",
        ),
    ])
    .env("RUSTFLAGS", "");
    let run = shown(&project, &[]);
    assert!(void(&run, "rustflags", "RUSTFLAGS").contains("RUSTFLAGS"));
    assert_eq!(run.json()["rustflags"].as_array().unwrap().len(), 0);
}

#[test]
fn encoded_rustflags_void_plain_ones() {
    let project = Project::new(&[("Cargo.toml", MANIFEST)])
        .env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}e")
        .env("RUSTFLAGS", "--cfg r");
    let run = shown(&project, &[]);
    assert!(void(&run, "rustflags", "RUSTFLAGS").contains("CARGO_ENCODED_RUSTFLAGS"));
}

#[test]
fn build_rustflags_from_a_variable_lose_to_target_tables() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[target.'cfg(all())']\nrustflags = \"--cfg t\"\n",
        ),
    ])
    .env("CARGO_BUILD_RUSTFLAGS", "--cfg b");
    let run = shown(&project, &[]);
    void(&run, "rustflags", "CARGO_BUILD_RUSTFLAGS");
}

#[test]
fn lists_of_several_files_are_joined() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"near\"]\n",
        ),
        (
            "../.cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"far\"]\n",
        ),
    ])
    .env("CARGO_BUILD_RUSTFLAGS", "--cfg variable");
    let run = shown(
        &project,
        &["--config", "build.rustflags=[\"--cfg\",\"line\"]"],
    );
    assert_eq!(run.json()["rustflags"].as_array().unwrap().len(), 8);
}

#[test]
fn a_triples_table_and_variable_are_joined_before_cfg_tables() {
    let host = host();
    let variable = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        host.to_uppercase().replace('-', "_")
    );
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            &format!("[target.'cfg(all())']\nrustflags = \"--cfg c\"\n[target.{host}]\nrustflags = [\"--cfg\", \"t\"]\n"),
        ),
    ])
    .env(&variable, "--cfg v");
    shown(&project, &[]);
    shown(&project, &["--triple", &host]);
}

fn host() -> String {
    let mut rustc = integration_tests::command::rustc();
    let said = integration_tests::command::succeed(rustc.arg("-vV"));
    let line = said.lines().find_map(|l| l.strip_prefix("host: "));
    line.expect("a host").to_owned()
}

#[test]
fn an_empty_list_excludes_nothing() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[target.'cfg(all())']\nrustflags = []\n[build]\nrustflags = \"--cfg b\"\n",
        ),
    ]);
    shown(&project, &[]);
}

#[test]
fn the_env_table_does_not_set_rustflags() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (".cargo/config.toml", "[env]\nRUSTFLAGS = \"--cfg e\"\n"),
    ]);
    let run = shown(&project, &[]);
    assert!(void(&run, "rustflags", "config.toml").contains("[env]"));
}

#[test]
fn rustflags_beat_the_profile() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &manifest("[profile.release]\nopt-level = \"z\"\n"),
        ),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"-C\", \"opt-level=1\"]\n",
        ),
    ]);
    let run = shown(&project, &[]);
    assert!(void(&run, "opt-level", "config.toml").contains("opt-level=1"));
    // The witness: rustc gets both, and the last one counts.
    assert_eq!(
        project
            .call("app", &["--release"])
            .codegen("opt-level")
            .as_deref(),
        Some("1")
    );
}

#[test]
fn a_legacy_config_wins_over_the_new_one_beside_it() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config",
            "[build]\nrustflags = [\"--cfg\", \"legacy\"]\n",
        ),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"new\"]\n",
        ),
    ]);
    let run = shown(&project, &[]);
    assert!(run.json()["warnings"].to_string().contains("legacy-config"));
}

#[test]
fn config_is_looked_up_from_the_current_directory() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"b\"]\n",
        ),
    ])
    .cwd("");
    let run = shown(&project, &["--manifest-path", "app/Cargo.toml"]);
    assert!(void(&run, "rustflags", "config.toml").contains("current directory"));
}

#[test]
fn a_members_config_is_not_read_from_the_root() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\"]\nresolver = \"2\"\n",
        ),
        ("app/Cargo.toml", MANIFEST),
        ("app/src/main.rs", crate::project::MAIN),
        ("app/.cargo/config.toml", "[profile.release]\nlto = true\n"),
    ]);
    let run = shown(&project, &[]);
    void(&run, "lto", "app/.cargo/config.toml");
}

#[test]
fn included_files_rank_below_the_including_one() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "include = [\"more.toml\"]\n[profile.release]\nlto = \"off\"\n",
        ),
        (
            ".cargo/more.toml",
            "[profile.release]\nlto = true\nopt-level = 1\n",
        ),
    ]);
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "lto")["value"], "off");
    assert_eq!(in_force(&run, "opt-level")["value"], 1);
}

#[test]
fn incremental_is_decided_by_the_variable() {
    let project = Project::new(&[(
        "Cargo.toml",
        &manifest("[profile.release]\nincremental = true\n"),
    )])
    .env("CARGO_INCREMENTAL", "0");
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "incremental")["value"], false);
}

#[test]
fn debug_information_cancels_cargos_own_stripping() {
    let project = Project::new(&[("Cargo.toml", &manifest("[profile.release]\ndebug = 1\n"))]);
    let run = shown(&project, &[]);
    assert_eq!(in_force(&run, "strip")["value"], "none");
}

#[test]
fn overrides_reach_their_package_and_unmatched_ones_are_void() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\ndep = { path = \"dep\" }\n[profile.release.package.dep]\nopt-level = 1\n[profile.release.package.nothing]\nopt-level = 1\n[workspace]\n",
        ),
        ("src/main.rs", "fn main() { dep::f() }\n"),
        (
            "dep/Cargo.toml",
            "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("dep/src/lib.rs", "pub fn f() {}\n"),
    ]);
    // The lock file says which packages there are.
    let calls = project.build(&["--release"]);
    let dep = calls
        .iter()
        .find(|c| c.after("--crate-name") == ["dep"])
        .expect("dep");
    assert_eq!(dep.codegen("opt-level").as_deref(), Some("1"));
    let run = shown(&project, &[]);
    let rows = run.rows("opt-level");
    let row = |table: &str| rows.iter().find(|r| r["table"] == table).expect("a row");
    assert!(row("profile.release.package.dep")["void"].is_null());
    assert!(!row("profile.release.package.nothing")["void"].is_null());
}

#[test]
fn unknown_keys_are_void() {
    let project = Project::new(&[("Cargo.toml", &manifest("[profile.release]\noptlevel = 1\n"))]);
    let run = shown(&project, &[]);
    assert!(void(&run, "optlevel", "Cargo.toml").contains("no such"));
}

#[test]
fn a_library_with_an_rlib_beside_its_cdylib_gets_no_lto() {
    let lib = |types: &str| {
        Project::new(&[
            (
                "Cargo.toml",
                &format!(
                    "{MANIFEST}[lib]\ncrate-type = {types}\n[profile.release]\npanic = \"unwind\"\n"
                ),
            ),
            ("src/lib.rs", "pub fn f() {}\n"),
        ])
    };
    for (types, skipped) in [("[\"cdylib\", \"rlib\"]", true), ("[\"cdylib\"]", false)] {
        let project = lib(types);
        let plan = project.json(&["--target", "size", "--dry-run"]);
        let planned = !plan.rows("lto").is_empty();
        assert_eq!(planned, !skipped, "{types}: {}", plan.stdout);
        let call = project.call(
            "app",
            &["--release", "--config", "profile.release.lto=true"],
        );
        assert_eq!(call.codegen("lto").is_none(), skipped, "{types}: {call:?}");
    }
}
