//! What a process was before it was recorded: records as the kernel would have written them for
//! its threads' names and its mapped files, from `/proc`.

use codecost::image::{Image, Mapping};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    io::{self, BufRead as _},
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::Path,
};

const MMAP: u32 = 1;
const COMM: u32 = 3;
const MMAP2: u32 = 10;
const MISC_KERNEL: u16 = 1;
const MISC_USER: u16 = 2;
const MISC_BUILD_ID: u16 = 1 << 14;

/// The threads of a process; empty when there is no such process.
pub(in crate::record) fn threads(pid: i32) -> Vec<i32> {
    let directory = fs::read_dir(format!("/proc/{pid}/task"));
    let entries = directory.into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The records for all of `threads` of the process.
pub(super) fn records(pid: i32, threads: &[i32]) -> Vec<u8> {
    let mut records = Vec::new();
    for &thread in threads {
        let name = fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"));
        let name = name.unwrap_or_default();
        let mut body = [pid.to_ne_bytes(), thread.to_ne_bytes()].concat();
        body.extend(terminated(name.trim_end_matches('\n').as_bytes()));
        push(&mut records, COMM, MISC_USER, body, pid, thread);
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    push_maps(&mut records, pid, &maps);
    records
}

/// The record that says where the kernel is, as perf writes it: its start is the address of a symbol,
/// by which a reader tells whether it has the same kernel. Empty where addresses are hidden.
pub(super) fn kernel() -> Vec<u8> {
    const SYMBOL: &str = "_text";
    let mut records = Vec::new();
    let Ok(file) = fs::File::open("/proc/kallsyms") else {
        return records;
    };
    // It is among the first of some hundred thousand.
    let mut lines = io::BufReader::new(file).lines().map_while(Result::ok);
    let address = lines.find_map(|line| {
        let mut words = line.split(' ');
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        (words.nth(1)? == SYMBOL).then_some(address)
    });
    if let Some(address) = address.filter(|address| *address != 0) {
        let mut body = [(-1_i32).to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
        // All above is the kernel's, its modules included.
        for word in [address, !address, address] {
            body.extend(word.to_ne_bytes());
        }
        body.extend(terminated(b"[kernel.kallsyms]_text"));
        push(&mut records, MMAP, MISC_KERNEL, body, -1, 0);
    }
    records
}

/// The records for a process that is gone, by its name and the text of its `/proc/PID/maps`.
pub(in crate::record) fn of_maps(pid: i32, name: &str, maps: &str) -> Vec<u8> {
    let mut records = Vec::new();
    let mut body = [pid.to_ne_bytes(), pid.to_ne_bytes()].concat();
    // As the kernel cuts it.
    let name = name.as_bytes();
    body.extend(terminated(name.get(..15).unwrap_or(name)));
    push(&mut records, COMM, MISC_USER, body, pid, pid);
    push_maps(&mut records, pid, maps);
    records
}

/// The record for the name of a thread.
pub(in crate::record) fn of_name(pid: i32, thread: i32, name: &str) -> Vec<u8> {
    let mut records = Vec::new();
    let mut body = [pid.to_ne_bytes(), thread.to_ne_bytes()].concat();
    body.extend(terminated(name.as_bytes()));
    push(&mut records, COMM, MISC_USER, body, pid, thread);
    records
}

fn push_maps(records: &mut Vec<u8>, pid: i32, maps: &str) {
    let mut build_ids = HashMap::new();
    for map in maps.lines().filter_map(Map::parse) {
        if map.executable {
            let build_id = build_ids
                .entry(map.path.clone())
                .or_insert_with(|| build_id(map.path.as_bytes(), map.inode, 0));
            let (misc, body) = map.body(pid, build_id.as_deref());
            push(records, MMAP2, misc, body, pid, pid);
        }
    }
}

/// A line of `/proc/PID/maps`.
struct Map {
    start: u64,
    end: u64,
    offset: u64,
    major: u32,
    minor: u32,
    inode: u64,
    executable: bool,
    protection: u32,
    shared: bool,
    path: String,
}

impl Map {
    /// `55d0c000-55d0e000 r-xp 00002000 fe:00 1234   /usr/bin/cat`
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let rights = words.next()?;
        let offset = words.next()?;
        let (major, minor) = words.next()?.split_once(':')?;
        let inode = words.next()?;
        // A path may have spaces in it.
        let path = line.find(['/', '[']).and_then(|at| line.get(at..));
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let number = |text: &str| u32::from_str_radix(text, 16).ok();
        let right = |letter: char, bit: u32| if rights.contains(letter) { bit } else { 0 };
        Some(Self {
            start: hex(start)?,
            end: hex(end)?,
            offset: hex(offset)?,
            major: number(major)?,
            minor: number(minor)?,
            inode: inode.parse().ok()?,
            executable: rights.contains('x'),
            protection: right('r', 1) | right('w', 2) | right('x', 4),
            shared: rights.contains('s'),
            path: path.unwrap_or("//anon").to_owned(),
        })
    }

    fn body(&self, pid: i32, build_id: Option<&[u8]>) -> (u16, Vec<u8>) {
        let mut body = [pid.to_ne_bytes(), pid.to_ne_bytes()].concat();
        for word in [self.start, self.end.saturating_sub(self.start), self.offset] {
            body.extend(word.to_ne_bytes());
        }
        let mut misc = MISC_USER;
        match build_id {
            Some(id) => {
                misc |= MISC_BUILD_ID;
                let mut field = [0; 24];
                let length = id.len().min(20);
                field[0] = u8::try_from(length).unwrap_or(0);
                field[4..4 + length].copy_from_slice(&id[..length]);
                body.extend(field);
            }
            None => {
                body.extend(self.major.to_ne_bytes());
                body.extend(self.minor.to_ne_bytes());
                body.extend(self.inode.to_ne_bytes());
                body.extend(0u64.to_ne_bytes());
            }
        }
        body.extend(self.protection.to_ne_bytes());
        let flags: u32 = if self.shared { 1 } else { 2 };
        body.extend(flags.to_ne_bytes());
        // A file that was deleted or replaced since is still the one that runs.
        let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
        body.extend(terminated(path.as_bytes()));
        (misc, body)
    }
}

/// The build id of a mapped file, where the file at its path is still that one. Numbers of inodes are
/// used again: `generation` tells those apart, where it is known and not 0.
pub(super) fn build_id(path: &[u8], inode: u64, generation: u64) -> Option<Vec<u8>> {
    let path = Path::new(OsStr::from_bytes(path));
    let found = fs::metadata(path).ok().filter(|_| path.is_absolute())?;
    if found.ino() != inode {
        return None;
    }
    if generation != 0
        && let Some(own) = generation_of(path)
        && u64::from(own) != generation
    {
        return None;
    }
    let file = Mapping::open(path).ok()?;
    let image = Image::parse(path, &file).ok()?;
    image.build_id().map(<[u8]>::to_vec)
}

/// The generation of a file's inode, of file systems that say it.
fn generation_of(path: &Path) -> Option<u32> {
    // `FS_IOC_GETVERSION` of linux/fs.h; file systems write an `int`.
    const GET_VERSION: libc::Ioctl = 0x8008_7601_u32 as libc::Ioctl;
    let file = fs::File::open(path).ok()?;
    let mut version = 0_u64;
    // SAFETY: the file is open, and there is room for the `long` of the request's number.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), GET_VERSION, &raw mut version) };
    (done == 0).then_some(version as u32)
}

/// With its zero byte, padded to words.
fn terminated(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A record, closed by the fields that every record of ours ends with: thread, time, CPU.
fn push(records: &mut Vec<u8>, kind: u32, misc: u16, mut body: Vec<u8>, pid: i32, thread: i32) {
    body.extend(pid.to_ne_bytes());
    body.extend(thread.to_ne_bytes());
    body.extend([0; 16]);
    let Ok(size) = u16::try_from(body.len() + 8) else {
        return;
    };
    records.extend(kind.to_ne_bytes());
    records.extend(misc.to_ne_bytes());
    records.extend(size.to_ne_bytes());
    records.extend(body);
}
