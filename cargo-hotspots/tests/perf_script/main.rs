//! `perf_data` against `perf script`, sample by sample, on recordings made here of a program that
//! rustc builds here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_macros)]

mod fixture;
mod rules;

use cargo_hotspots::{
    perf_data,
    profile::{CallGraph, ModuleKind, ModuleProblem, Place, Profile},
};
use fixture::Fixture;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One sample, as either side has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sample {
    time: u64,
    pid: i32,
    tid: i32,
    period: u64,
    event: String,
    /// Innermost first.
    frames: Vec<Frame>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    /// An offset in a file, or an address of the kernel.
    address: u64,
    /// The file.
    object: String,
    /// Perf's symbol and the bytes from its start.
    symbol: Option<(String, u64)>,
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("perf, rustc and readelf are needed here");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn hex(word: &str) -> u64 {
    u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap()
}

/// What `perf script` says of a recording.
fn by_perf(recording: &Path) -> Vec<Sample> {
    let mut command = Command::new("perf");
    command
        .args(["script", "--ns", "--no-inline", "--max-stack", "8192", "-F"])
        .args([
            "pid,tid,time,period,event,ip,sym,symoff,dso",
            "--no-demangle",
            "-i",
        ])
        .arg(recording)
        .stdin(Stdio::null());
    let mut samples: Vec<Sample> = Vec::new();
    for line in run(&mut command).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.is_empty() {
            continue;
        }
        // With no stacks the address stands on the line of the sample.
        let mut frame_words = words.as_slice();
        if let Some((pid, tid)) = words[0].split_once('/')
            && !line.starts_with('\t')
        {
            let (seconds, nanos) = words[1].trim_end_matches(':').split_once('.').unwrap();
            samples.push(Sample {
                time: seconds.parse::<u64>().unwrap() * 1_000_000_000
                    + nanos.parse::<u64>().unwrap(),
                pid: pid.parse().unwrap(),
                tid: tid.parse().unwrap(),
                period: words[2].parse().unwrap(),
                event: words[3].trim_end_matches(':').to_owned(),
                frames: Vec::new(),
            });
            frame_words = &words[4..];
        }
        if let Some(address) = frame_words.first() {
            let object = line.rsplit_once('(').unwrap().1.trim_end_matches(')');
            let symbol = frame_words[1].rsplit_once("+0x");
            samples.last_mut().unwrap().frames.push(Frame {
                address: hex(address),
                object: object.into(),
                symbol: symbol.map(|(name, offset)| (name.to_owned(), hex(offset))),
            });
        }
    }
    samples.sort_by_key(|sample| (sample.time, sample.tid));
    samples
}

/// What the segments of a file say, by `readelf`: address, offset, size.
fn segments(path: &Path) -> Vec<(u64, u64, u64)> {
    let listing = run(Command::new("readelf").arg("-lW").arg(path));
    listing
        .lines()
        .filter_map(|line| line.trim().strip_prefix("LOAD"))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (hex(words[1]), hex(words[0]), hex(words[3]))
        })
        .collect()
}

/// What we say, in perf's terms. perf shows addresses of files as offsets.
fn by_us(recording: &Path, start: u64) -> (Vec<Sample>, Profile) {
    let profile = perf_data::read(recording, &[], true).unwrap();
    let mut files = HashMap::new();
    let mut samples = Vec::new();
    for sample in profile.timeline.as_ref().unwrap() {
        let thread = &profile.threads[sample.thread.0 as usize];
        let mut frames = Vec::new();
        for (index, frame) in profile.frames_of(sample.stack).enumerate() {
            let frame = profile.frames[frame.0 as usize];
            let module = &profile.modules[frame.module.0 as usize];
            // It says that the stack has no end, where perf says nothing.
            if module.kind == ModuleKind::Missing {
                continue;
            }
            let (address, object) = match (frame.place, module.kind) {
                // perf leaves the return addresses of the kernel as they are.
                (Place::Memory(address), ModuleKind::Kernel) => {
                    (address.0 + u64::from(index > 0), "[kernel.kallsyms]")
                }
                (Place::Memory(address), _) => (address.0, "[unknown]"),
                (Place::Offset(offset), _) => (offset.0, module.name.as_str()),
                // Its segment is the whole of it.
                (Place::Code(address), ModuleKind::Vdso) => (address.0, "[vdso]"),
                (Place::Code(address), _) => {
                    let path = module.file.as_ref().unwrap().path().to_path_buf();
                    let segments = files.entry(path.clone()).or_insert_with(|| segments(&path));
                    let (start, offset, _) = segments
                        .iter()
                        .find(|(start, _, size)| (*start..start + size).contains(&address.0))
                        .expect("an address in a segment");
                    (address.0 - start + offset, module.name.as_str())
                }
            };
            frames.push(Frame {
                address,
                object: object.into(),
                symbol: None,
            });
        }
        samples.push(Sample {
            time: start + sample.time_ns,
            pid: thread.pid,
            tid: thread.tid,
            period: sample.period,
            event: profile.event.clone(),
            frames,
        });
    }
    samples.sort_by_key(|sample| (sample.time, sample.tid));
    (samples, profile)
}

/// How often the two agree.
#[derive(Debug, Default)]
struct Agreement {
    samples: usize,
    same: usize,
    /// How the others differ.
    kinds: BTreeMap<&'static str, usize>,
}

impl Agreement {
    fn count(&self, kind: &str) -> usize {
        self.kinds.get(kind).copied().unwrap_or_default()
    }
}

/// perf gives up: it has addresses that are none, or memory that is not code, or nothing.
const GIVES_UP: &str = "perf gives up where we go on";
const OTHER: &str = "other callers";
const SHORTER: &str = "perf goes on where we give up";

/// Compares sample by sample. Number, times, threads, periods and the address where each sample
/// stands must be the same.
fn compare(recording: &Path) -> (Agreement, Profile) {
    let theirs = by_perf(recording);
    let (ours, profile) = by_us(recording, theirs.first().map_or(0, |first| first.time));
    assert_eq!(ours.len(), theirs.len(), "number of samples");
    let mut agreement = Agreement::default();
    for (our, their) in ours.iter().zip(&theirs) {
        let head = |it: &Sample| (it.time, it.pid, it.tid, it.period, it.event.clone());
        assert_eq!(head(our), head(their));
        agreement.samples += 1;
        // Without stacks perf shows where the address was in memory.
        if profile.call_graph != CallGraph::None {
            assert_eq!(our.frames[0].address, their.frames[0].address);
        }
        let their_frames: Vec<u64> = their
            .frames
            .iter()
            .enumerate()
            .filter(|(_, frame)| frame.object != "[unknown]" && !frame.object.starts_with("//"))
            .map(|(index, frame)| {
                // Frame pointers lead to return addresses, and perf leaves them as they are.
                let chained = profile.call_graph == CallGraph::FramePointers
                    && index > 0
                    && !frame.object.starts_with("[kernel")
                    && !their.frames[index - 1].object.starts_with("[kernel");
                frame.address - u64::from(chained)
            })
            .collect();
        let our_frames: Vec<u64> = our.frames.iter().map(|frame| frame.address).collect();
        // We look up the instruction that called the kernel, perf what is behind it.
        let calls_kernel = |index: usize| {
            let of_kernel = |index: usize| their.frames[index].object.starts_with("[kernel");
            index > 0 && of_kernel(index - 1) && !of_kernel(index)
        };
        let common = std::iter::zip(&our_frames, &their_frames)
            .enumerate()
            .take_while(|(index, (a, b))| {
                // Where a signal handler returns to, perf asks for the byte before, which has no name;
                // gdb has the function's.
                let ends_handler = their.frames[*index].symbol.is_none() && **a == **b + 1;
                a == b || ends_handler || calls_kernel(*index) && **a + 1 == **b
            });
        let common = common.count();
        let kind = match (common == our_frames.len(), common == their_frames.len()) {
            (true, true) => {
                agreement.same += 1;
                continue;
            }
            (true, false) => SHORTER,
            (false, true) => GIVES_UP,
            (false, false) => OTHER,
        };
        *agreement.kinds.entry(kind).or_default() += 1;
        if std::env::var_os("SHOW").is_some() {
            eprintln!("{kind}, {common} in common");
            for frame in &our.frames {
                eprintln!("   ours   {:x} {}", frame.address, frame.object);
            }
            for frame in &their.frames {
                eprintln!(
                    "   theirs {:x} {} {:?}",
                    frame.address, frame.object, frame.symbol
                );
            }
        }
    }
    (agreement, profile)
}

/// Any recording, to look into: `RECORDING=… SHOW=1 cargo test … -- --ignored any`.
#[test]
#[ignore = "needs the recording named by RECORDING"]
fn any_recording() {
    let path = PathBuf::from(std::env::var_os("RECORDING").unwrap());
    let (agreement, profile) = compare(&path);
    eprintln!("{agreement:?} {:?}", profile.losses);
}

fn at_least(agreement: &Agreement, share: f64) {
    let same = agreement.same as f64 / agreement.samples as f64;
    assert!(agreement.samples > 150, "{agreement:?}");
    assert!(same >= share, "{agreement:?}");
}

/// The module of the program, how many modules have its name, and its samples by innermost frame.
fn program_samples(profile: &Profile, program: &Path) -> (usize, u64) {
    let of_program = |id: u32| profile.modules[id as usize].name == program.to_str().unwrap();
    let modules = (0..profile.modules.len() as u32).filter(|id| of_program(*id));
    let samples = profile.counts.iter().filter(|count| {
        let innermost = profile.frames_of(count.stack).next().unwrap();
        of_program(profile.frames[innermost.0 as usize].module.0)
    });
    (modules.count(), samples.map(|count| count.samples).sum())
}

#[test]
fn copied_stacks_unwind_as_perf_unwinds_them() {
    let fixture = Fixture::new(&[]);
    for flags in [
        ["--call-graph", "dwarf,16384"].as_slice(),
        &["-z", "--call-graph", "dwarf,16384"],
    ] {
        let recording = fixture.record(flags, 0);
        let (agreement, profile) = compare(&recording);
        at_least(&agreement, 0.99);
        assert!(agreement.count(OTHER) + agreement.count(SHORTER) <= agreement.samples / 100);
        assert_eq!(profile.call_graph, CallGraph::Dwarf);
        let losses = profile.losses;
        assert_eq!(
            (losses.disordered, losses.unreadable, losses.cut_off),
            (0, 0, false)
        );
        // 200 levels of recursion do not fit in the copy, 20 do.
        assert!(losses.truncated > 10, "{losses:?}");
        assert!(losses.unrooted <= profile.samples / 100, "{losses:?}");
        assert!(profile.threads.iter().any(|thread| thread.name == "sorter"));
        // The clock is read in the vdso, whose callers are found by its own tables.
        let vdso = profile
            .modules
            .iter()
            .find(|it| it.kind == ModuleKind::Vdso)
            .unwrap();
        assert!(vdso.file.is_some(), "{:?}", vdso.problem);
    }
}

#[test]
fn small_copies_are_counted_as_such() {
    let fixture = Fixture::new(&[]);
    let (_, small) = compare(&fixture.record(&["--call-graph", "dwarf,256"], 0));
    assert!(
        small.losses.truncated * 10 > small.samples * 9 / 2,
        "{:?}",
        small.losses
    );
}

#[test]
fn frame_pointers_lead_where_perf_says() {
    let fixture = Fixture::new(&["-C", "force-frame-pointers=yes"]);
    let (agreement, profile) = compare(&fixture.record(&["--call-graph", "fp"], 0));
    at_least(&agreement, 0.99);
    assert_eq!(profile.call_graph, CallGraph::FramePointers);
    // The recursion is deeper than the 127 frames that the kernel follows.
    let losses = profile.losses;
    let thread_roots = profile.samples - losses.unrooted - losses.truncated;
    assert!(thread_roots * 2 > profile.samples, "{losses:?}");
    assert!(losses.truncated > 10, "{losses:?}");
}

#[test]
fn without_stacks_each_sample_is_one_address_of_the_right_symbol() {
    let fixture = Fixture::new(&[]);
    let recording = fixture.record(&[], 0);
    let theirs = by_perf(&recording);
    let (ours, profile) = by_us(&recording, theirs[0].time);
    assert_eq!(profile.call_graph, CallGraph::None);
    assert_eq!((ours.len(), profile.losses.unrooted), (theirs.len(), 0));
    let names = run(Command::new("nm").arg(&fixture.program));
    let addresses: HashMap<&str, u64> = names
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (address, kind) = (words.next()?, words.next()?);
            ["t", "T"].contains(&kind).then_some(())?;
            Some((words.next()?, hex(address)))
        })
        .collect();
    // The virtual address is that of the symbol table, whatever the segments' offsets are.
    let mut checked = 0;
    let timeline = profile.timeline.as_ref().unwrap();
    let mut ours: Vec<_> = timeline
        .iter()
        .map(|sample| {
            let frames: Vec<_> = profile.frames_of(sample.stack).collect();
            assert_eq!(frames.len(), 1);
            let tid = profile.threads[sample.thread.0 as usize].tid;
            (sample.time_ns, tid, profile.frames[frames[0].0 as usize])
        })
        .collect();
    ours.sort_by_key(|(time, tid, _)| (*time, *tid));
    for ((_, tid, frame), their) in std::iter::zip(ours, &theirs) {
        assert_eq!(tid, their.tid);
        let expected = &their.frames[0];
        if expected.object == fixture.program.to_str().unwrap()
            && let Some((name, offset)) = &expected.symbol
        {
            let Place::Code(address) = frame.place else {
                panic!("{frame:?}");
            };
            assert_eq!(address.0, addresses[name.as_str()] + offset, "{name}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn a_pipe_is_read_as_a_file_is() {
    let fixture = Fixture::new(&[]);
    let path = fixture.path("pipe.data");
    let output = std::fs::File::create(&path).unwrap();
    let status = Command::new("perf")
        .args([
            "record",
            "-q",
            "-e",
            "cpu-clock",
            "-F",
            "1499",
            "--call-graph",
            "dwarf,16384",
        ])
        .args(["-o", "-"])
        .arg(&fixture.program)
        .stdout(output)
        .status();
    assert!(status.unwrap().success());
    let (agreement, profile) = compare(&path);
    at_least(&agreement, 0.99);
    assert!(!profile.losses.cut_off);
}

/// perf 6.1 loses its way in the C library as soon as a second process maps it elsewhere, so here
/// its stacks are no witness; that ours end at the first function of their thread is.
#[test]
fn processes_of_one_program_share_its_file() {
    let fixture = Fixture::new(&[]);
    let (agreement, profile) = compare(&fixture.record(&["--call-graph", "dwarf,16384"], 2));
    let pids: BTreeSet<i32> = profile.threads.iter().map(|thread| thread.pid).collect();
    assert_eq!(pids.len(), 3);
    assert!(
        agreement.count(SHORTER) * 50 <= agreement.samples,
        "{agreement:?}"
    );
    let (modules, samples) = program_samples(&profile, &fixture.program);
    assert_eq!(modules, 1);
    assert!(samples > 100);
    let lost = profile.losses.unrooted;
    assert!(lost * 50 <= profile.samples, "{:?}", profile.losses);
}

#[test]
fn another_build_is_not_mistaken_for_the_one_that_ran() {
    for build_id in ["--build-id", "--build-id=none"] {
        let link = format!("link-arg=-Wl,{build_id}");
        let fixture = Fixture::new(&["-C", &link]);
        let recording = fixture.record(&["--call-graph", "dwarf,8192"], 0);
        let (right, _) = compare(&recording);
        at_least(&right, 0.99);
        let copy = fixture.path("copy");
        std::fs::copy(&fixture.program, &copy).unwrap();
        std::fs::remove_file(&fixture.program).unwrap();

        let read = |substitutes: &[(PathBuf, PathBuf)]| {
            let profile = perf_data::read(&recording, substitutes, false).unwrap();
            let index = profile
                .modules
                .iter()
                .position(|module| module.name == fixture.program.to_str().unwrap())
                .unwrap();
            let problem = profile.modules[index].problem.clone();
            let code = profile.frames.iter().any(|frame| {
                frame.module.0 as usize == index && matches!(frame.place, Place::Code(_))
            });
            assert_eq!(profile.modules[index].file.is_some(), code);
            let losses = profile.losses;
            (problem, losses.unrooted + losses.truncated)
        };
        assert_eq!(read(&[]).0, Some(ModuleProblem::Missing));
        fixture.build(&["-C", &link, "-C", "opt-level=1"]);
        let path = fixture.program.clone();
        assert_eq!(
            read(&[]).0,
            Some(ModuleProblem::Rebuilt { path: path.clone() })
        );
        // The copy that was kept is the one that ran.
        let (problem, unrooted) = read(&[(path, copy)]);
        assert_eq!(problem, None);
        assert!(unrooted < right.samples as u64 / 2);
    }
}

/// Registers and stacks can be anything: what `framehop` and our walk make of them is an end.
#[test]
fn hostile_stacks_end() {
    let fixture = Fixture::new(&[]);
    let recording = fixture.record(&["--call-graph", "dwarf,2048", "-F", "199"], 0);
    let whole = std::fs::read(&recording).unwrap();
    let changed = fixture.path("changed.data");
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 20
    };
    for _ in 0..30 {
        let mut bytes = whole.clone();
        for _ in 0..500 {
            let at = random() as usize % (bytes.len() / 8) * 8;
            // Not the header, and numbers that are addresses of something.
            let value = match random() % 5 {
                0 => random() % 16,
                1 => u64::MAX - random() % 16,
                2 => u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) ^ (random() & 0xff8),
                _ => {
                    let from = random() as usize % (bytes.len() / 8) * 8;
                    u64::from_le_bytes(bytes[from..from + 8].try_into().unwrap())
                }
            };
            if at >= 0x1000 {
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        std::fs::write(&changed, bytes).unwrap();
        if let Ok(profile) = perf_data::read(&changed, &[], false) {
            assert!(profile.losses.unrooted <= profile.samples);
        }
    }
}
