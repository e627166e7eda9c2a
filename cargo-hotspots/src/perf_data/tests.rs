//! What real recordings seldom have, in recordings made of bytes.

use super::{sample::Sample, *};
use crate::profile::{CallGraph, Losses, ModuleKind, Place, RuntimeAddress};
use codecost::address::FileOffset;
use linux_perf_data::linux_perf_event_reader::SampleFormat;
use std::io::Cursor;

/// `sample_type`: IP, TID, TIME, PERIOD, IDENTIFIER.
const FIELDS: u64 = 1 | 2 | 4 | 1 << 8 | 1 << 16;
const CALLCHAIN: u64 = 1 << 5;
const KERNEL: u16 = 1;
const USER: u16 = 2;
const EXEC: u16 = USER | 1 << 13;

/// A recording for a pipe: each event is an attribute with its number plus one as identifier.
struct Forge(Vec<u8>);

impl Forge {
    fn new(events: &[(&str, u64)]) -> Self {
        let mut forge = Self(Vec::new());
        forge.0.extend(b"PERFILE2");
        forge.0.extend(16_u64.to_le_bytes());
        for (index, (name, fields)) in events.iter().enumerate() {
            let id = index as u64 + 1;
            // type and size, config, period, sample_type, read_format, flags: sample_id_all.
            let mut attr = words(&[2 | 64 << 32, 99, 7, *fields, 0, 1 << 18, 0, 0]);
            attr.extend(words(&[id]));
            forge.push(64, 0, &attr);
            let mut update = words(&[2, id]);
            update.extend(name.as_bytes());
            update.push(0);
            forge.push(78, 0, &update);
        }
        forge
    }

    fn push(&mut self, kind: u32, misc: u16, body: &[u8]) -> &mut Self {
        self.0.extend(kind.to_le_bytes());
        self.0.extend(misc.to_le_bytes());
        self.0.extend((body.len() as u16 + 8).to_le_bytes());
        self.0.extend(body);
        self
    }

    /// A record of the kernel's that is no sample: those end with who, when and of which event.
    fn other(&mut self, kind: u32, misc: u16, body: &[u8], time: u64) -> &mut Self {
        let end = words(&[0, time, 1]);
        self.push(kind, misc, &[body, &end].concat())
    }

    fn sample(&mut self, event: u64, at: (u16, u64), thread: (i32, i32), time: u64) -> &mut Self {
        let body = words(&[event, at.1, pair(thread), time, 10]);
        self.push(9, at.0, &body)
    }

    fn comm(&mut self, misc: u16, thread: (i32, i32), name: &str, time: u64) -> &mut Self {
        let mut body = words(&[pair(thread)]);
        body.extend(name.as_bytes());
        body.resize((body.len() + 8) / 8 * 8, 0);
        self.other(3, misc, &body, time)
    }

    fn map(&mut self, pid: i32, start: u64, size: u64, name: &str, time: u64) -> &mut Self {
        let mut body = words(&[pair((pid, pid)), start, size, 0]);
        body.extend(name.as_bytes());
        body.resize((body.len() + 8) / 8 * 8, 0);
        self.other(1, USER, &body, time)
    }

    fn fork(&mut self, child: (i32, i32), parent: (i32, i32), time: u64) -> &mut Self {
        let pids = pair((child.0, parent.0));
        let tids = pair((child.1, parent.1));
        self.other(7, 0, &words(&[pids, tids, time]), time)
    }

    fn read(&self) -> Profile {
        let options = Options {
            substitutes: &[],
            timeline: true,
            search: false,
            event: None,
        };
        let size = self.0.len() as u64;
        read_from(
            Cursor::new(&self.0),
            Path::new("forged"),
            size,
            None,
            &options,
        )
        .unwrap()
    }
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn pair((first, second): (i32, i32)) -> u64 {
    u64::from(first.cast_unsigned()) | u64::from(second.cast_unsigned()) << 32
}

/// Per thread: its name and samples.
fn threads(profile: &Profile) -> Vec<(i32, i32, &str, u64)> {
    let of_thread = |index: usize| {
        let counts = profile.counts.iter();
        let own = counts.filter(move |count| count.thread.0 as usize == index);
        own.map(|count| count.samples).sum()
    };
    let threads = profile.threads.iter().enumerate();
    threads
        .map(|(index, it)| (it.pid, it.tid, it.name.as_str(), of_thread(index)))
        .collect()
}

#[test]
fn the_event_that_stands_for_time_is_chosen_and_the_others_are_named() {
    let events = [
        ("page-faults", FIELDS),
        ("cpu_core/cycles/", FIELDS),
        ("cpu_atom/cycles/", FIELDS),
    ];
    let mut forge = Forge::new(&events);
    for time in 0..4 {
        forge.sample(1, (USER, 0x10), (1, 1), time);
    }
    forge.sample(2, (USER, 0x20), (1, 1), 5);
    forge.sample(3, (USER, 0x30), (2, 2), 6);
    let profile = forge.read();
    assert_eq!(profile.event, "cpu_core/cycles/");
    assert_eq!(profile.other_events, [("page-faults".to_owned(), 4)]);
    // Both kinds of core.
    assert_eq!((profile.samples, profile.period), (2, 20));
    assert_eq!(threads(&profile).len(), 2);
    assert_eq!(profile.duration_ns, 1);

    let mut forge = Forge::new(&events);
    forge.sample(1, (USER, 0x10), (1, 1), 0);
    assert_eq!(forge.read().event, "page-faults");
    let none = Forge::new(&events).read();
    assert_eq!((none.event.as_str(), none.samples), ("cpu_core/cycles/", 0));
}

#[test]
fn samples_without_a_period_have_the_one_that_was_asked_for() {
    let mut forge = Forge::new(&[("cycles", FIELDS & !(1 << 8))]);
    forge.push(9, USER, &words(&[1, 0x10, pair((1, 1)), 5]));
    assert_eq!(forge.read().period, 7);
}

#[test]
fn lost_samples_are_counted_once() {
    let mut forge = Forge::new(&[("cycles", FIELDS)]);
    forge.sample(1, (USER, 0x10), (1, 1), 5);
    forge.other(2, 0, &words(&[1, 30]), 6);
    forge.other(2, 0, &words(&[1, 12]), 7);
    assert_eq!(forge.read().losses.lost, 42);
    // perf's own sum of the same, at the end and without a time.
    forge.other(13, 0, &words(&[42]), 0);
    let losses = forge.read().losses;
    assert_eq!((losses.lost, losses.disordered), (42, 0));
}

#[test]
fn records_that_come_too_late_or_make_no_sense_are_counted() {
    let mut forge = Forge::new(&[("cycles", FIELDS)]);
    forge.sample(1, (USER, 0x10), (1, 1), 50);
    forge.push(68, 0, &[]).push(68, 0, &[]);
    forge.sample(1, (USER, 0x10), (1, 1), 20);
    // Shorter than its layout.
    forge.push(9, USER, &words(&[1, 0x10]));
    // A build id of 200 bytes.
    let mut body = words(&[pair((1, 1)), 0, 0x1000, 0]);
    body.push(200);
    body.resize(80, 0);
    forge.other(10, USER | 1 << 14, &body, 50);
    let profile = forge.read();
    let expected = Losses {
        disordered: 1,
        unreadable: 2,
        ..Losses::default()
    };
    assert_eq!(profile.losses, expected);
    assert_eq!((profile.samples, profile.duration_ns), (2, 30));
}

#[test]
fn threads_have_their_last_name_and_numbers_come_back() {
    let mut forge = Forge::new(&[("cycles", FIELDS)]);
    forge.comm(USER, (1, 1), "perf-exec", 1);
    forge.comm(EXEC, (1, 1), "program", 2);
    forge.sample(1, (USER, 0x10), (1, 1), 3);
    forge.fork((1, 2), (1, 1), 4);
    forge.sample(1, (USER, 0x10), (1, 2), 5);
    forge.comm(USER, (1, 2), "worker", 6);
    forge.sample(1, (USER, 0x10), (1, 2), 7);
    // Another thread with the number of the first.
    forge.fork((1, 2), (1, 1), 8);
    forge.sample(1, (USER, 0x10), (1, 2), 9);
    let profile = forge.read();
    assert_eq!(
        threads(&profile),
        [
            (1, 1, "program", 1),
            (1, 2, "worker", 2),
            (1, 2, "program", 1)
        ]
    );
}

#[test]
fn memory_of_all_kinds_has_a_place() {
    let mut forge = Forge::new(&[("cycles", FIELDS)]);
    forge.map(1, 0x1000, 0x1000, "//anon", 1);
    forge.map(1, 0x3000, 0x1000, "/no/such/program", 1);
    forge.map(1, 0x5000, 0x1000, "[vdso]", 1);
    for at in [
        (USER, 0x1010),
        (USER, 0x3020),
        (USER, 0x5030),
        (USER, 0x7040),
    ] {
        forge.sample(1, at, (1, 1), 2);
    }
    forge.sample(1, (KERNEL, 0xffff_8000_0000_0050), (1, 1), 2);
    let profile = forge.read();
    let mut places: Vec<(&str, ModuleKind, Place)> = profile
        .frames
        .iter()
        .map(|frame| {
            let module = &profile.modules[frame.module.0 as usize];
            (module.name.as_str(), module.kind, frame.place)
        })
        .collect();
    places.sort_by_key(|(name, ..)| *name);
    let memory = |address| Place::Memory(RuntimeAddress(address));
    let offset = |offset| Place::Offset(FileOffset(offset));
    assert_eq!(
        places,
        [
            ("/no/such/program", ModuleKind::File, offset(0x20)),
            ("[jit]", ModuleKind::Jit, memory(0x1010)),
            (
                "[kernel]",
                ModuleKind::Kernel,
                memory(0xffff_8000_0000_0050)
            ),
            ("[unknown]", ModuleKind::Unknown, memory(0x7040)),
            ("[vdso]", ModuleKind::Vdso, offset(0x30)),
        ]
    );
}

#[test]
fn callers_stand_at_their_call() {
    let mut forge = Forge::new(&[("cycles", FIELDS | CALLCHAIN)]);
    forge.map(1, 0x1000, 0x1000, "/no/such/program", 1);
    let (kernel, user) = (-128_i64 as u64, -512_i64 as u64);
    let chain = [
        kernel,
        u64::MAX << 32,
        (u64::MAX << 32) + 9,
        user,
        0x1010,
        0x1020,
        0x9999_9999,
    ];
    let mut body = words(&[1, u64::MAX << 32, pair((1, 1)), 2, 10, chain.len() as u64]);
    body.extend(words(&chain));
    forge.push(9, KERNEL, &body);
    let profile = forge.read();
    let stack: Vec<Place> = profile
        .frames_of(profile.counts[0].stack)
        .map(|frame| profile.frames[frame.0 as usize].place)
        .collect();
    let memory = |address| Place::Memory(RuntimeAddress(address));
    let offset = |offset| Place::Offset(FileOffset(offset));
    // The last one is in nothing that was mapped: no caller.
    let expected = [
        memory(u64::MAX << 32),
        memory((u64::MAX << 32) + 8),
        offset(0x10),
        offset(0x1f),
        // What stands for the callers that are missing.
        memory(0),
    ];
    assert_eq!(stack, expected);
    assert_eq!(
        (profile.losses.unrooted, profile.call_graph),
        (1, CallGraph::FramePointers)
    );
}

/// `PERF_SAMPLE_READ` stands before the callchain, in one of two forms.
#[test]
fn counts_inside_samples_are_skipped() {
    use super::attribute::Layout;
    let layout = |read_format| Layout {
        fields: SampleFormat::from_bits_retain(1 | 1 << 4 | 1 << 5),
        read_format,
        branch_index: false,
        user_registers: 0,
        period: 1,
        most_frames: 127,
        stack_bytes: 0,
    };
    let chain = |body: &[u64], read_format| {
        let body = words(body);
        let sample = Sample::parse(&body, USER, &layout(read_format))?;
        Some(sample.callchain.iter().collect::<Vec<u64>>())
    };
    // Value, time enabled, time running, identifier, lost.
    let alone = [0x10, 5, 6, 7, 8, 9, 2, 0xa, 0xb];
    assert_eq!(chain(&alone, 1 | 2 | 4 | 16), Some(vec![0xa, 0xb]));
    // Two values with identifiers, after their number and the time enabled.
    let group = [0x10, 2, 5, 6, 1, 7, 2, 1, 0xc];
    assert_eq!(chain(&group, 1 | 4 | 8), Some(vec![0xc]));
    assert_eq!(chain(&[0x10, u64::MAX, 0], 8), None);
    assert_eq!(chain(&[0x10, 5, u64::MAX, 0], 0), None);
}

/// The registers of AArch64 have numbers of their own, and return addresses may be signed. The
/// file has an `.eh_frame` without a search table.
#[test]
fn aarch64_is_unwound_by_its_own_registers() {
    let (registers, stack) = (1 << 12, 1 << 13);
    let mut forge = Forge(Vec::new());
    forge.0.extend(b"PERFILE2");
    forge.0.extend(16_u64.to_le_bytes());
    let fields = FIELDS | registers | stack;
    let mut attr = words(&[2 | 96 << 32, 99, 7, fields, 0, 1 << 18, 0, 0]);
    attr.extend(words(&[0, 0, (1 << 33) - 1, 16, 1]));
    forge.push(64, 0, &attr);
    let mut architecture = words(&[6, 8 | u64::from(u32::from_le_bytes(*b"aarc")) << 32]);
    architecture.extend(b"h64\0");
    forge.push(80, 0, &architecture);
    let base = 0xaaaa_0000_0000;
    forge.map(1, base, 0x1000, "/program", 1);
    let mut values = [0; 33];
    values[30] = 0x0055_0000_0000_0000 | (base + 0x24c);
    values[31] = 0xffff_0000_0000;
    values[32] = base + 0x250;
    let mut body = words(&[1, base + 0x250, pair((1, 1)), 2, 10, 2]);
    body.extend(words(&values));
    body.extend(words(&[16, 0, 0, 16]));
    forge.push(9, USER, &body);

    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/ledger");
    let substitutes = [(PathBuf::from("/program"), corpus.join("elf64-aarch64"))];
    let options = Options {
        substitutes: &substitutes,
        timeline: false,
        search: false,
        event: None,
    };
    let size = forge.0.len() as u64;
    let bytes = Cursor::new(&forge.0);
    let profile = read_from(bytes, Path::new("forged"), size, None, &options).unwrap();
    let places: Vec<Place> = profile
        .frames_of(profile.counts[0].stack)
        .map(|frame| profile.frames[frame.0 as usize].place)
        .collect();
    let code = |address| Place::Code(codecost::address::VirtualAddress(address));
    let missing = Place::Memory(RuntimeAddress(0));
    assert_eq!(places, [code(0x250), code(0x24b), missing]);
    assert_eq!(profile.call_graph, CallGraph::Dwarf);
}
