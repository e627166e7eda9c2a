//! What a program cannot do without is nothing to drop.

use crate::findings::{MANIFEST, finding, findings, project, table};
use crate::slim;
use integration_tests::command::cargo;

/// `cargo build --no-default-features --bin app` is the witness: cargo refuses it.
#[test]
fn what_the_program_requires_and_its_own_library_are_no_findings() {
    let lookup = |seed| table(16_384, seed);
    let app = format!(
        "{MANIFEST}[dependencies]\nneeded = {{ path = \"../needed\", optional = true }}\n\
         spare = {{ path = \"../spare\", optional = true }}\n\
         [features]\ndefault = [\"cli\", \"more\"]\ncli = [\"dep:needed\"]\nmore = [\"dep:spare\"]\n\
         [[bin]]\nname = \"app\"\npath = \"src/main.rs\"\nrequired-features = [\"cli\"]\n"
    );
    let other = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n")
    };
    let main = format!(
        "{}fn main() {{ let at = std::env::args().count(); let more = app::both(at); \
         std::process::exit((more ^ look(at)) as i32) }}\n",
        lookup(1)
    );
    let library = format!(
        "{}pub fn both(at: usize) -> u32 {{\n\
         #[cfg(feature = \"cli\")] let at = needed::look(at) as usize & 7;\n\
         #[cfg(feature = \"more\")] let at = spare::look(at) as usize & 7;\n look(at) }}\n",
        lookup(2)
    );
    let (needed, spare) = (table(32_768, 3), table(24_576, 4));
    let project = project(&[
        ("app/Cargo.toml", &app),
        ("app/src/main.rs", &main),
        ("app/src/lib.rs", &library),
        ("needed/Cargo.toml", &other("needed")),
        ("needed/src/lib.rs", &needed),
        ("spare/Cargo.toml", &other("spare")),
        ("spare/src/lib.rs", &spare),
    ]);
    let app = project.path().join("app");
    let mut build = cargo();
    build
        .current_dir(&app)
        .args(["build", "--release", "--no-default-features"]);
    let output = build.args(["--features", "more", "--bin", "app"]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("requires the features: `cli`"), "{said}");
    let found = findings(&app, &[]);
    assert!(finding(&found, "several-versions").is_none(), "{found:?}");
    let feature = finding(&found, "large-feature").unwrap();
    let title = feature["title"].as_str().unwrap();
    assert!(title.contains("`more`"), "{title}");
    // Nor does a build without it fail.
    let arguments = ["deps", "--features", "--message-format", "json"];
    let report = slim().in_directory(&app).run(arguments).report();
    let proven = report.json["proven"].as_array().unwrap();
    let names: Vec<_> = proven
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"more") && !names.contains(&"cli"),
        "{names:?}"
    );
    assert!(
        proven.iter().all(|row| row["reason"].is_null()),
        "{proven:?}"
    );
}

/// `src/main.rs` is in every package: a file that the workspace here did not build has none of its crates.
#[test]
fn a_file_of_another_workspace_is_not_this_ones() {
    let manifest = |name: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
             [profile.release]\ndebug = 1\n"
        )
    };
    let main = "fn main() { println!(\"{}\", std::env::args().nth(1).unwrap()) }\n";
    let project = project(&[
        ("here/Cargo.toml", &manifest("here")),
        ("here/src/main.rs", main),
        ("there/Cargo.toml", &manifest("there")),
        ("there/src/main.rs", main),
    ]);
    let (here, there) = (project.path().join("here"), project.path().join("there"));
    integration_tests::command::succeed(cargo().current_dir(&there).args(["build", "--release"]));
    let file = project.path().join("copied");
    std::fs::copy(there.join("target/release/there"), &file).unwrap();
    let origins = |directory: &std::path::Path, file: &std::path::Path| {
        let tool = slim().in_directory(directory);
        let run = tool.run(
            ["crates", "-n", "0", "--message-format", "json", "--file"]
                .iter()
                .map(std::ffi::OsStr::new)
                .chain([file.as_os_str()]),
        );
        let rows = run.report().json["rows"].as_array().unwrap().clone();
        let own = rows.into_iter().filter(|row| row["origin"] == "workspace");
        own.map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(origins(&here, &file), Vec::<String>::new());
    // Under its own name it may be one of the workspace's.
    let named = project.path().join("there");
    let named = named.join("elsewhere").join("there");
    std::fs::create_dir_all(named.parent().unwrap()).unwrap();
    std::fs::copy(&file, &named).unwrap();
    assert_eq!(origins(&there, &named).len(), 1);
}
