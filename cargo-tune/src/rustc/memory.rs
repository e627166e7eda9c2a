//! The most memory that a build took at once: cargo, its compilers and their linkers together.
//!
//! Linux alone says which process is whose child (`/proc/PID/stat`) and what it has in memory
//! (`VmRSS` of `/proc/PID/status`); memory that two processes share counts twice. It is looked at
//! ten times a second, so a short peak can be missed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often to look.
const PAUSE: Duration = Duration::from_millis(100);

/// Watches the process `root` and all below it until `ended`; nothing where `/proc` is not Linux's.
pub(super) fn watch(root: u32, ended: &AtomicBool) -> Option<u64> {
    let mut peak = None;
    while !ended.load(Ordering::Relaxed) {
        let sum = family(root).into_iter().filter_map(resident);
        let sum: u64 = sum.sum();
        peak = peak.max(Some(sum).filter(|sum| *sum > 0));
        std::thread::park_timeout(PAUSE);
    }
    peak
}

/// The processor time of all children that have ended, and of theirs, in hundredths of a second.
pub(super) fn children_cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    // `cutime` and `cstime`, the 16th and 17th fields, of which two are before the bracket.
    let mut fields = rest.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()?.checked_add(ticks()?)?;
    Some(Duration::from_millis(ticks.checked_mul(10)?))
}

/// A process and all that come from it. Where the kernel lists the children of each thread, only the
/// family itself is looked at; looking at every process takes a hundredth of a processor.
fn family(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(next) = open.pop() {
        let Some(children) = children(next) else {
            return family_among_all(root);
        };
        open.extend(children.into_iter().filter(|child| found.insert(*child)));
    }
    found
}

/// The children of all threads of a process, none if it has ended; `None` if the kernel lists none
/// (`CONFIG_PROC_CHILDREN`).
fn children(process: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => all.extend(
                text.split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            ),
            // The thread has ended meanwhile.
            Err(_) if !thread.path().exists() => {}
            Err(_) => return None,
        }
    }
    Some(all)
}

fn family_among_all(root: u32) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for process in processes {
        if let Some(parent) = parent(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(next) = open.pop() {
        for child in children.get(&next).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold brackets and spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes in memory.
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_children_are_counted() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let family = family(std::process::id());
        assert!(family.contains(&child.id()));
        assert!(family.contains(&std::process::id()));
        assert!(super::family_among_all(std::process::id()).contains(&child.id()));
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(resident(u32::MAX), None);
    }

    #[test]
    fn the_peak_is_that_of_all_together() {
        let ended = AtomicBool::new(false);
        let peak = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(std::process::id(), &ended));
            let held = vec![1_u8; 64 << 20];
            while !watcher.is_finished() {
                std::thread::sleep(Duration::from_millis(250));
                ended.store(true, Ordering::Relaxed);
            }
            assert_eq!(held.last(), Some(&1));
            watcher.join().unwrap()
        });
        assert!(peak.unwrap() > 64 << 20, "{peak:?}");
    }
}
