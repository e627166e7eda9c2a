//! Recordings, programs and targets in their less usual forms.

use crate::hotspots;
use integration_tests::command::{cargo, command, output, rustc, succeed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Three times as long in one function as in the other, by the same steps.
const SPIN: &str = "
    #[inline(never)] fn alpha(n: u64) -> u64 { let mut x = n; for i in 0..20_000u64 { x = x.rotate_left(9).wrapping_mul(i | 5); } x }
    #[inline(never)] fn beta(n: u64) -> u64 { let mut x = n; for i in 0..60_000u64 { x = x.rotate_left(9).wrapping_mul(i | 5); } x }
    fn main() { let mut s = 1; for _ in 0..12_000 { s = alpha(std::hint::black_box(s)); s = beta(std::hint::black_box(s)); } println!(\"{s}\"); }";

fn spin(directory: &TempDir, arguments: &[&str]) -> PathBuf {
    let source = directory.path().join("spin.rs");
    fs::write(&source, SPIN).unwrap();
    let program = directory.path().join("spin");
    let mut rustc = rustc();
    rustc.args(["-O", "--crate-name=spin"]).args(arguments);
    succeed(rustc.arg(&source).arg("-o").arg(&program));
    program
}

fn json(arguments: &[&str]) -> (Value, String) {
    let run = hotspots().run(
        arguments
            .iter()
            .copied()
            .chain(["--message-format", "json"]),
    );
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    let report = serde_json::from_str(&run.stdout);
    (
        report.unwrap_or_else(|_| panic!("{}", run.stdout)),
        run.stderr,
    )
}

/// The samples of each function.
fn samples(report: &Value) -> BTreeMap<String, u64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let of = |row: &Value| {
        let name = row["name"].as_str().unwrap().to_owned();
        (name, (row["charged"].as_f64().unwrap() * 1e6) as u64)
    };
    rows.map(of).collect()
}

/// What is in one function and the other, of what is in both.
fn assert_shares(report: &Value, what: &str) {
    let samples = samples(report);
    let of = |name: &str| -> u64 {
        let own = samples.iter().filter(|(own, _)| own.ends_with(name));
        own.map(|(_, samples)| samples).sum()
    };
    let (alpha, beta) = (of("alpha"), of("beta"));
    let share = beta as f64 / (alpha + beta).max(1) as f64;
    let all: u64 = samples.values().sum();
    assert!((alpha + beta) * 10 > all * 9, "{what}: {samples:?}");
    // Of some hundred samples: five standard deviations are less than 0.15.
    assert!((0.6..0.9).contains(&share), "{what}: {samples:?}");
}

/// `perf record --threads` writes a directory; perf itself counts what is in it.
#[test]
fn directories_of_perf_are_opened() {
    let directory = TempDir::new().unwrap();
    let program = spin(&directory, &["-g"]);
    let data = directory.path().join("recorded");
    let mut record = command("perf");
    record.args(["record", "--threads", "-e", "cpu-clock", "-F", "997", "-o"]);
    succeed(record.arg(&data).arg(&program));
    assert!(data.join("data.0").is_file());
    let script = succeed(
        command("perf")
            .args(["script", "-F", "time,sym", "-i"])
            .arg(&data),
    );
    let truth = script
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count() as u64;
    assert!(truth > 100, "{script}");
    for input in [data.clone(), data.join("data")] {
        let (report, _) = json(&["functions", "-n", "0", "--input", input.to_str().unwrap()]);
        assert_eq!(report["recording"]["samples"], truth, "{}", input.display());
        assert_shares(&report, "directory");
    }
    // The file with the header alone says what is missing.
    let alone = directory.path().join("alone");
    fs::copy(data.join("data"), &alone).unwrap();
    let run = hotspots().run(["functions", "--input", alone.to_str().unwrap()]);
    assert_eq!(run.code, Some(101));
    assert!(
        run.stderr.contains("perf record --threads"),
        "{}",
        run.stderr
    );
}

/// Names that `dwz` moved to a file of several programs are not there; the symbols are.
#[test]
fn a_program_that_shares_its_debug_information_has_its_names() {
    let directory = TempDir::new().unwrap();
    let program = spin(&directory, &["-g"]);
    let twin = directory.path().join("twin");
    fs::copy(&program, &twin).unwrap();
    let mut dwz = command("dwz");
    dwz.args(["-q", "-m", "common.dwz", "spin", "twin"]);
    succeed(dwz.current_dir(directory.path()));
    let sections = succeed(command("readelf").arg("-SW").arg(&program));
    assert!(sections.contains(".gnu_debugaltlink"), "{sections}");
    let (report, _) = json(&["functions", "-n", "0", "--exec", program.to_str().unwrap()]);
    let names = samples(&report);
    assert!(
        names.keys().all(|name| !name.contains("{unnamed}")),
        "{names:?}"
    );
    assert_shares(&report, "dwz");
    let crates = report["rows"].as_array().unwrap();
    let beta = crates
        .iter()
        .find(|row| row["name"].as_str().unwrap().ends_with("beta"));
    assert_eq!(beta.unwrap()["crate"], "spin");
}

/// Symbols that a stripped program carries compressed.
#[test]
fn names_in_gnu_debugdata_are_read() {
    let directory = TempDir::new().unwrap();
    let program = spin(&directory, &["-Cstrip=debuginfo"]);
    let at = |name: &str| directory.path().join(name);
    succeed(
        command("objcopy")
            .arg("--only-keep-debug")
            .arg(&program)
            .arg(at("symbols")),
    );
    let packed = output(
        command("xz")
            .args(["-c", "--check=crc32"])
            .arg(at("symbols")),
    )
    .stdout;
    fs::write(at("symbols.xz"), packed).unwrap();
    succeed(command("strip").arg(&program).arg("-o").arg(at("bare")));
    let section = format!(".gnu_debugdata={}", at("symbols.xz").display());
    let mini = at("mini");
    succeed(
        command("objcopy")
            .args(["--add-section", &section])
            .arg(at("bare"))
            .arg(&mini),
    );
    let symbols = succeed(command("readelf").arg("-sW").arg(&mini));
    assert!(!symbols.contains("beta"), "{symbols}");
    let (report, _) = json(&["functions", "-n", "0", "--exec", mini.to_str().unwrap()]);
    assert_shares(&report, ".gnu_debugdata");
}

/// Of the benchmarks, and the programs with tests, those that cargo runs.
#[test]
fn all_targets_of_a_kind_are_those_that_cargo_runs() {
    let directory = TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let mut manifest =
        "[package]\nname = \"targets\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n\
                        [lib]\ntest = false\nbench = false\n"
            .to_owned();
    let work = "fn main() { let t = std::time::Instant::now(); let mut x = 1u64;
        while t.elapsed().as_millis() < 150 { for i in 0..9000u64 { x = std::hint::black_box(x.wrapping_mul(i | 1)); } } }";
    for (kind, name, more) in [
        ("bench", "b_off", "bench = false"),
        ("bench", "b_on", ""),
        ("bench", "b_tested", "test = true"),
        ("test", "t_off", "test = false"),
        ("test", "t_on", ""),
        ("example", "e_tested", "test = true"),
        ("example", "e_off", ""),
    ] {
        manifest += &format!("[[{kind}]]\nname = \"{name}\"\nharness = false\n{more}\n");
        let folder = match kind {
            "bench" => "benches",
            "test" => "tests",
            _ => "examples",
        };
        write(&format!("{folder}/{name}.rs"), work);
    }
    write("Cargo.toml", &manifest);
    write("src/lib.rs", "");
    for (command, flag) in [("bench", "--bench"), ("test", "--test")] {
        let ran = output(
            cargo()
                .args([command, "--no-run"])
                .current_dir(directory.path()),
        );
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{said}");
        let truth: BTreeSet<String> = said
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Executable "))
            .map(|rest| {
                let path = rest.split(' ').find(|word| word.ends_with(".rs")).unwrap();
                Path::new(path)
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert!(truth.len() > 1, "{said}");
        let run = hotspots().in_directory(directory.path()).run([
            "crates",
            flag,
            "--message-format",
            "json",
        ]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let programs = report["recording"]["programs"].as_array().unwrap().iter();
        let ours: BTreeSet<String> = programs
            .map(|program| program["target"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ours, truth, "{command}");
    }
}
