//! Benchmarks under each harness.

use super::{Driven, Driver, perf_script};
use cargo_hotspots::{
    open::Opened,
    record,
    recording::{About, Recording},
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

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

/// A package with these benchmarks.
fn project(benches: &[(&str, &str)]) -> TempDir {
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
    for (name, text) in benches {
        write(&format!("benches/{name}.rs"), text);
        if !name.starts_with("libtest") {
            manifest += &format!("[[bench]]\nname = \"{name}\"\nharness = false\n");
        }
    }
    write("Cargo.toml", &manifest);
    write(
        "src/lib.rs",
        "#[inline(never)] pub fn burn(n: u64) -> u64 { (0..n).fold(1, |x, i| \
         std::hint::black_box(x * 31 ^ i)) }\n\
         pub struct Costly(pub u64);\n\
         impl Drop for Costly { fn drop(&mut self) { self.0 ^= burn(10_000); } }\n",
    );
    project
}

/// Records its benchmark of this name.
fn run(project: &TempDir, bench: &str, recorder: &str) -> (Driven, PathBuf, About) {
    // Criterion is built once for all runs of these tests.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("harnesses");
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
}

/// Benchmarks whose inputs take three units of time, what is measured two, and dropping one.
const SET_UPS: [(&str, &str); 2] = [
    (
        "criterion_set_up",
        "use benches::{burn, Costly}; use criterion::*;\n\
         fn one(c: &mut Criterion) {\n\
         for size in [BatchSize::SmallInput, BatchSize::PerIteration] {\n\
         c.bench_function(\"owned\", |b| b.iter_batched(|| Costly(burn(30_000)), \
         |mut x| { x.0 ^= burn(20_000); x }, size));\n\
         c.bench_function(\"by reference\", |b| b.iter_batched_ref(|| Costly(burn(30_000)), \
         |x| x.0 ^= burn(20_000), size));\n\
         }\n}\n\
         criterion_group!(group, one);\ncriterion_main!(group);\n",
    ),
    (
        "divan_set_up",
        "use benches::{burn, Costly}; use divan::Bencher;\n\
         fn main() { divan::main(); }\n\
         #[divan::bench] fn owned(b: Bencher) { b.with_inputs(|| Costly(burn(30_000)))\
         .bench_values(|mut x| { x.0 ^= burn(20_000); x }) }\n\
         #[divan::bench] fn by_reference(b: Bencher) { b.with_inputs(|| Costly(burn(30_000)))\
         .bench_refs(|x| x.0 ^= burn(20_000)) }\n",
    ),
];

#[test]
fn what_inputs_cost_is_not_the_benchmarks() {
    let project = project(&SET_UPS);
    for (bench, _) in SET_UPS {
        let (_, data, about) = run(&project, bench, "builtin");
        let recording = Recording {
            data: data.clone(),
            about: Some(about),
        };
        let opened = Opened::read(recording, String::new(), false).unwrap();
        let all = perf_script(&data, "ip").len() as f64;
        let left = |of: &str| {
            let left = opened
                .profile
                .left_out
                .iter()
                .filter(|left| left.process == of);
            left.map(|left| left.samples).sum::<u64>() as f64 / all
        };
        let measured = opened.profile.samples as f64 / all;
        let (inputs, drops) = (left("[inputs]"), left("[drops]"));
        // The harness's own work is with what is measured.
        for (found, known) in [(inputs, 3.0), (measured, 2.0), (drops, 1.0)] {
            let known = known / 6.0;
            let close = (found - known).abs() < 0.04;
            assert!(close, "{bench}: {inputs} + {measured} + {drops}");
        }
    }
}

#[test]
fn each_harness_is_known_by_what_is_linked_and_runs_its_benchmarks() {
    let project = project(&BENCHES);
    let run = |bench: &str, recorder: &str| run(&project, bench, recorder);
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
