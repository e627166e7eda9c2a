//! Names of code that was made at run time.
//!
//! Truth: the kernel's `tools/perf/Documentation/jit-interface.txt`: a process that makes code may
//! write `/tmp/perf-PID.map`, a line `START SIZE name` for each function, numbers in hexadecimal.

use crate::profile::RuntimeAddress;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// More than any runtime writes.
const MOST: u64 = 64 * 1024 * 1024;

/// A map, sorted by address; of functions at one address the later counts.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<(u64, u64, String)>,
}

impl Names {
    /// Reads the map of a module, or of the only process.
    pub(super) fn read(module: &str, processes: &[i32]) -> Self {
        let path = if module.starts_with("/tmp/perf-") && module.ends_with(".map") {
            PathBuf::from(module)
        } else if let [process] = processes {
            PathBuf::from(format!("/tmp/perf-{process}.map"))
        } else {
            return Self::default();
        };
        Self::of(&path).unwrap_or_default()
    }

    fn of(path: &Path) -> Option<Self> {
        // Anybody may make files there: a pipe would never end.
        if !std::fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(path)
            .ok()?
            .take(MOST)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    fn parse(text: &str) -> Self {
        let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        let mut list: Vec<_> = text
            .lines()
            .filter_map(|line| {
                let (start, rest) = line.split_once(' ')?;
                let (size, name) = rest.split_once(' ')?;
                Some((number(start)?, number(size)?, name.trim().to_owned()))
            })
            .collect();
        list.sort_by_key(|(start, ..)| *start);
        Self { list }
    }

    /// The function at an address.
    pub(super) fn at(&self, address: RuntimeAddress) -> Option<&str> {
        let after = self.list.partition_point(|(start, ..)| *start <= address.0);
        let (start, size, name) = self.list.get(after.checked_sub(1)?)?;
        (address.0 - start < *size).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_as_a_runtime_writes_it() {
        let names = Names::parse(
            "7f00 20 LazyCompile:~f /a b.js:1\n0x7f40 10 old\nbad line\n7f40 10 new\n\nzz 1 x\n",
        );
        let at = |address| names.at(RuntimeAddress(address));
        assert_eq!(at(0x7f00), Some("LazyCompile:~f /a b.js:1"));
        assert_eq!(at(0x7f1f), Some("LazyCompile:~f /a b.js:1"));
        assert_eq!(at(0x7f20), None);
        assert_eq!(at(0x7f4f), Some("new"));
        assert_eq!(at(0), None);
        assert_eq!(at(u64::MAX), None);
    }
}
