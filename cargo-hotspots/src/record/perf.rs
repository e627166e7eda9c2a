//! `perf record`, attached to processes that wait to be released.
//!
//! perf does not start the program: so its own messages and the program's stay apart, the
//! program's exit status is known exactly, and several programs, one after the other, make one
//! recording. Its control fifo (perf 5.10) says when it is ready: perf answers a command only
//! after it has enabled its events. At the end it gets SIGINT, as from a user's Ctrl-C.

use super::{
    options::CallGraphChoice,
    setup::{Setup, Whom},
    system,
};
use crate::machine::Perf;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long perf may take to attach.
const START: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(5);

/// A running perf.
pub(crate) struct Session {
    child: Child,
    log: PathBuf,
    data: PathBuf,
}

/// Why it cannot record, with what perf said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) said: String,
}

/// Why perf cannot record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It does not know the event.
    Event,
    /// It may not open the event.
    Permission,
    /// It got no memory for its buffers.
    Memory,
    /// It is too old.
    Option,
    /// The process is gone.
    Process,
    /// It is gone, or did not answer.
    Other,
}

/// The command line, which says all that is asked of perf.
pub(crate) fn arguments(setup: &Setup, perf: &Perf, whom: &Whom) -> Vec<String> {
    let pids: Vec<String> = match whom {
        Whom::Held(pids) => pids.iter().map(ToString::to_string).collect(),
        Whom::Running(pid) => vec![pid.to_string()],
    };
    let mut arguments: Vec<String> = ["record", "--no-buildid-cache", "--event", &setup.event]
        .map(str::to_owned)
        .to_vec();
    arguments.extend(["--freq".into(), setup.frequency.to_string()]);
    match setup.call_graph {
        CallGraphChoice::Dwarf => {
            arguments.extend([
                "--call-graph".into(),
                format!("dwarf,{}", setup.stack_bytes),
            ]);
        }
        CallGraphChoice::FramePointers => arguments.extend(["--call-graph".into(), "fp".into()]),
        CallGraphChoice::None => {}
    }
    if perf.zstd {
        arguments.push("--compression-level=1".into());
    }
    // An ordinary user's allowance is what perf takes by itself.
    if setup.root {
        arguments.push("--mmap-pages=4M".into());
    }
    arguments.extend(["--output".into(), setup.data.display().to_string()]);
    arguments.extend(["--pid".into(), pids.join(",")]);
    arguments
}

impl Session {
    /// Starts perf; returns when it samples.
    pub(crate) fn start(setup: &Setup, perf: &Perf, whom: &Whom) -> Result<Self, Refusal> {
        let other = |error: io::Error| Refusal {
            reason: Reason::Other,
            said: error.to_string(),
        };
        let directory = setup.data.parent().unwrap_or(Path::new("."));
        let log = directory.join("perf.log");
        let pipes = Pipes::make(directory).map_err(other)?;
        let said = File::create(&log).map_err(other)?;
        let child = Command::new(&perf.path)
            .args(arguments(setup, perf, whom))
            .arg("--control")
            .arg(pipes.option())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            // Its messages are read here.
            .env("LC_ALL", "C")
            .spawn()
            .map_err(other)?;
        let mut session = Self {
            child,
            log,
            data: setup.data.clone(),
        };
        match pipes.wait_until_ready(&mut session.child) {
            Ok(()) => Ok(session),
            Err(error) => {
                let _ = session.child.kill();
                let _ = session.child.wait();
                let mut said = session.said();
                if said.is_empty() {
                    said = error.to_string();
                }
                let _ = fs::remove_file(&session.log);
                Err(Refusal {
                    reason: reason(&said),
                    said,
                })
            }
        }
    }

    /// Whether it has ended by itself: all processes are gone, or it failed.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it and returns what it said.
    ///
    /// # Errors
    ///
    /// What perf said when it left no complete file. `hurry` is asked now and then.
    pub(crate) fn finish(mut self, mut hurry: impl FnMut() -> bool) -> Result<String, String> {
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            system::send(pid, libc::SIGINT);
        }
        while let Ok(None) = self.child.try_wait() {
            if hurry() {
                let _ = self.child.kill();
            }
            thread::sleep(STEP);
        }
        let said = self.said();
        let _ = fs::remove_file(&self.log);
        match is_complete(&self.data) {
            Ok(true) => Ok(said),
            Ok(false) if said.is_empty() => Err("it wrote no complete file".into()),
            Ok(false) => Err(said),
            Err(error) => Err(format!("{error}\n{said}")),
        }
    }

    fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        // The answers to our own commands.
        let lines = text.lines().filter(|line| !line.starts_with("Events "));
        lines.collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

/// perf writes the length of the data into the header at the very end.
fn is_complete(data: &Path) -> io::Result<bool> {
    let mut file = File::open(data)?;
    file.seek(SeekFrom::Start(48))?;
    let mut size = [0; 8];
    match file.read_exact(&mut size) {
        Ok(()) => Ok(size != [0; 8]),
        Err(_) => Ok(false),
    }
}

fn reason(said: &str) -> Reason {
    let says = |text: &str| said.contains(text);
    if says("event syntax error") || says("is not supported") || says("unknown event") {
        Reason::Event
    } else if says("mapping pages") || says("mlock") {
        Reason::Memory
    } else if says("unknown option") || says("unknown switch") || says("Unknown --call-graph") {
        Reason::Option
    } else if says("No such process") {
        Reason::Process
    } else if says("ermission") || says("paranoid") || says("Operation not permitted") {
        Reason::Permission
    } else {
        Reason::Other
    }
}

/// Commands to perf, and its answers.
struct Pipes {
    paths: [PathBuf; 2],
    files: [File; 2],
}

impl Pipes {
    fn make(directory: &Path) -> io::Result<Self> {
        let paths = ["control", "answer"].map(|name| directory.join(name));
        let open = |path: &Path| {
            system::make_pipe(path)?;
            // Both ways, so that opening does not wait for perf.
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(path)
        };
        let files = [open(&paths[0])?, open(&paths[1])?];
        Ok(Self { paths, files })
    }

    fn option(&self) -> String {
        let [commands, answers] = &self.paths;
        format!("fifo:{},{}", commands.display(), answers.display())
    }

    fn wait_until_ready(&self, child: &mut Child) -> io::Result<()> {
        let [mut commands, mut answers] = [&self.files[0], &self.files[1]];
        commands.write_all(b"enable\n")?;
        let start = Instant::now();
        let mut answer = [0; 16];
        loop {
            match answers.read(&mut answer) {
                Ok(read) if read > 0 => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("perf ended with {status}")));
            }
            if start.elapsed() > START {
                return Err(io::Error::other("perf did not get ready"));
            }
            thread::sleep(STEP);
        }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for path in &self.paths {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_perf_says_is_understood() {
        // As perf 6.1 prints them.
        for (said, expected) in [
            (
                "event syntax error: 'bogus'\n  \\___ parser error",
                Reason::Event,
            ),
            (
                "Permission error mapping pages.\nConsider increasing \
                 /proc/sys/kernel/perf_event_mlock_kb,\nor try again with a smaller value",
                Reason::Memory,
            ),
            (
                "Error:\nAccess to performance monitoring and observability operations is limited.\
                 \nConsider adjusting /proc/sys/kernel/perf_event_paranoid setting",
                Reason::Permission,
            ),
            (
                "  Error: unknown option `control'\n\n Usage: perf record",
                Reason::Option,
            ),
            ("", Reason::Other),
        ] {
            assert_eq!(reason(said), expected, "{said}");
        }
    }
}
