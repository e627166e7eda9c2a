//! What the programs used, as the kernel has it: the total that the samples are held against. The
//! witness is the program's own clock.

use super::{BURNER, Driver};
use cargo_hotspots::{analysis, open::Opened, recording::Recording};

fn opened(recording: (std::path::PathBuf, cargo_hotspots::recording::About)) -> Opened {
    let (data, about) = recording;
    let recording = Recording {
        data,
        about: Some(about),
    };
    Opened::read(recording, String::new(), false).unwrap()
}

#[test]
fn time_asleep_is_in_the_duration_and_not_in_what_was_used() {
    for recorder in ["perf", "builtin"] {
        let burner = BURNER.to_str().unwrap();
        let options = [("EXEC", burner), ("ARGS", "sleepy"), ("RECORDER", recorder)];
        let driven = Driver::new(&options).run();
        let burnt = driven.burnt();
        let opened = opened(driven.recording());
        let facts = analysis::describe(&opened.subject()).unwrap().facts;
        // It burns 300 ms and sleeps for a second.
        let duration = facts.duration_ns.unwrap();
        assert!(duration >= 1_300_000_000, "{recorder}: {facts:?}");
        let first_to_last = opened.profile.duration_ns;
        assert!(first_to_last < duration, "{recorder}: {facts:?}");
        // However busy the machine is: time without a processor is no waiting.
        let waited = facts.account.unwrap().waiting_ns().unwrap();
        assert!(waited >= 980_000_000, "{recorder}: {waited}");
        let used = facts.account.unwrap().cpu_ns();
        // Some is used before `main`, and after it.
        assert!(
            used >= burnt && used - burnt < burnt / 4,
            "{recorder}: {used} of which it says {burnt}"
        );
        let coverage = facts.coverage().unwrap();
        assert!((0.85..1.05).contains(&coverage), "{recorder}: {coverage}");
        assert_eq!(facts.exceeded(), [""; 0], "{recorder}");
    }
}

#[test]
fn threads_that_end_before_their_first_sample_are_missed_and_that_is_said() {
    let burner = BURNER.to_str().unwrap();
    let options = [
        ("EXEC", burner),
        ("ARGS", "short"),
        ("RECORDER", "builtin"),
        // The clock in any case, so that there is a coverage.
        ("EVENT", "cpu-clock"),
    ];
    // Who may sample whole CPUs misses nothing.
    let driven = Driver::new(&options).by_ordinary_user().run();
    let burnt = driven.burnt();
    let opened = opened(driven.recording());
    let analysis = analysis::describe(&opened.subject()).unwrap();
    let facts = &analysis.facts;
    let used = facts.account.unwrap().cpu_ns();
    assert!(used >= burnt, "{used} of which it says {burnt}");
    assert!(opened.profile.started >= 600, "{}", opened.profile.started);
    let coverage = facts.coverage().unwrap();
    assert!(coverage < 0.8, "{coverage}");
    let low = analysis.warnings.iter();
    let low: Vec<_> = low
        .filter(|warning| warning.code == "low-coverage")
        .collect();
    assert_eq!(low.len(), 1, "{:?}", analysis.warnings);
    let help = low[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("perf_event_paranoid=0"), "{help}");
    assert!(
        low[0].message.contains("ended before their first sample"),
        "{}",
        low[0].message
    );
    assert!(
        facts
            .exceeded()
            .iter()
            .any(|text| text.contains("coverage"))
    );
}

#[test]
fn a_running_process_has_the_account_of_the_time_that_it_was_watched() {
    let mut program = std::process::Command::new(&*BURNER)
        .arg("endless")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = program.id();
    // What it burns before it is watched.
    while had(pid) < 500_000_000 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let before = had(pid);
    let process = pid.to_string();
    let options = [
        ("PID", process.as_str()),
        ("SECONDS", "1"),
        ("RECORDER", "builtin"),
    ];
    let driven = Driver::new(&options).run();
    let between = had(pid) - before;
    program.kill().unwrap();
    program.wait().unwrap();
    let (_, about) = driven.recording();
    let account = about.account.unwrap();
    assert!(account.duration_ns >= 1_000_000_000, "{account:?}");
    // The recorder's clock has ticks of 10 ms, at both ends.
    assert!(
        (1..=between + 20_000_000).contains(&account.cpu_ns()),
        "{account:?} of {between}"
    );
}

/// Processor time of the one thread of a process, in nanoseconds.
fn had(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
