//! Benchmarks under each harness.

use super::{Driver, perf_script};
use cargo_hotspots::record;
use std::{fs, path::Path};

/// One benchmark of each kind, from the registry as users have them.
const BENCHES: [(&str, &str); 4] = [
    (
        "criterion_one",
        "use criterion::{criterion_group, criterion_main, Criterion};\n\
         fn one(c: &mut Criterion) { c.bench_function(\"one\", |b| b.iter(|| benches::burn(1000))); }\n\
         criterion_group!(group, one);\ncriterion_main!(group);\n",
    ),
    (
        "divan_one",
        "fn main() { divan::main(); }\n#[divan::bench] fn one() -> u64 { benches::burn(1000) }\n",
    ),
    (
        "plain_one",
        "fn main() { let words: Vec<_> = std::env::args().skip(1).collect();\n\
         let start = std::time::Instant::now(); let mut x = 0;\n\
         while start.elapsed().as_millis() < 300 { x ^= benches::burn(1000); }\n\
         println!(\"{words:?} {} {x}\", std::env::current_dir().unwrap().display()); }\n",
    ),
    (
        "libtest_one",
        "#[test] fn one() { assert_ne!(benches::burn(10), 0); }\n",
    ),
];

#[test]
fn each_harness_is_known_by_what_is_linked_and_runs_its_benchmarks() {
    let project = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let mut manifest = "[package]\nname = \"benches\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
                        [workspace]\n[dev-dependencies]\ndivan = \"0.1\"\n\
                        criterion = { version = \"0.8\", default-features = false }\n"
        .to_owned();
    for (name, text) in BENCHES {
        write(&format!("benches/{name}.rs"), text);
        if !name.starts_with("libtest") {
            manifest += &format!("[[bench]]\nname = \"{name}\"\nharness = false\n");
        }
    }
    write("Cargo.toml", &manifest);
    write(
        "src/lib.rs",
        "#[inline(never)] pub fn burn(n: u64) -> u64 { (0..n).fold(1, |x, i| \
         std::hint::black_box(x * 31 ^ i)) }\n",
    );
    // Criterion is built once for all runs of this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("harnesses");
    let run = |bench: &str, recorder: &str| {
        let mut driver = Driver::new(&[
            ("BENCH", bench),
            ("RECORDER", recorder),
            ("TARGET_DIR", target.to_str().unwrap()),
        ]);
        driver.command.env("DRIVE_IN", project.path());
        let driven = driver.run();
        let line = driven
            .stdout
            .lines()
            .find_map(|line| line.split_once("RECORDED "));
        let (_, path) = line.unwrap_or_else(|| panic!("{}\n{}", driven.stdout, driven.stderr));
        let recording = record::open(Path::new(path)).unwrap();
        (driven, recording.data, recording.about.unwrap())
    };
    for (bench, recorder, command) in [
        (
            "criterion_one",
            "perf",
            "criterion_one --profile-time 5 --bench",
        ),
        ("divan_one", "builtin", "divan_one --min-time 5 --bench"),
        ("plain_one", "perf", "plain_one --bench"),
    ] {
        let (driven, data, about) = run(bench, recorder);
        assert_eq!(about.command.join(" "), command);
        assert_eq!(about.build_profile.as_deref(), Some("bench"));
        assert_eq!(about.build_notes, ["strip=none", "debug=1"]);
        let harness = about.programs[0].harness.as_deref();
        assert_eq!(harness, bench.split('_').next());
        // Most of the time is in what is measured; divan's own loop is beside it.
        let samples = perf_script(&data, "ip,sym");
        let own = samples.iter().filter(|line| line.contains("burn")).count();
        assert!(
            own * 2 > samples.len(),
            "{bench}: {own} of {}",
            samples.len()
        );
        if bench == "plain_one" {
            let expected = format!("[\"--bench\"] {}", project.path().display());
            assert!(driven.stderr.contains(&expected), "{}", driven.stderr);
        }
    }
    let (_, data, about) = run("", "");
    let kinds: Vec<_> = about
        .programs
        .iter()
        .map(|own| own.harness.clone().unwrap())
        .collect();
    assert_eq!(kinds, ["criterion", "divan", "libtest", "plain"]);
    assert!(about.programs.iter().all(|own| own.exit_code == Some(0)));
    // One recording of all programs, each by its own name.
    let mut names = perf_script(&data, "comm");
    names.sort();
    names.dedup();
    for (name, _) in BENCHES
        .iter()
        .filter(|(name, _)| !name.starts_with("libtest"))
    {
        let start = name.get(..9).unwrap();
        assert!(names.iter().any(|own| own.starts_with(start)), "{names:?}");
    }
}
