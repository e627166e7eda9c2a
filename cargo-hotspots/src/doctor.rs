//! `doctor`: what would make a recording worse than it could be, and the exact remedy.
//!
//! Pure judgement over the facts of [`Machine`]; each finding names its cause and one command that
//! mends it. A recording carries those that concern it.

use crate::{
    machine::{Machine, Trial},
    recording::Degradation,
};
use codecost::{
    Result,
    cargo::{Context, Selection, Toolchain},
};
use std::path::Path;

/// How to get perf.
pub(crate) const INSTALL_PERF: &str = "install perf (Debian: `sudo apt install linux-perf`, Ubuntu: \
     `sudo apt install linux-tools-$(uname -r)`, Fedora: `sudo dnf install perf`, Arch: `sudo pacman -S perf`)";
/// What perf_event_open asks by default, for comparison with the kernel's limit.
const DEFAULT_RATE: u64 = 997;
/// For each CPU; the kernel's default, which holds thirty samples with their stacks.
const DEFAULT_MLOCK_KB: u64 = 516;

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As good as it gets.
    Ok,
    /// It works, and could be better.
    Degraded,
    /// It does not work.
    Missing,
}

impl Status {
    /// The name in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Missing => "missing",
        }
    }
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A short, stable name: `pmu`.
    pub code: &'static str,
    /// How good it is.
    pub status: Status,
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(code: &'static str, what: impl Into<String>) -> Self {
        Self {
            code,
            status: Status::Ok,
            what: what.into(),
            remedy: None,
        }
    }

    fn worse(
        code: &'static str,
        status: Status,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            status,
            what: what.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// Examines this machine and the toolchain in use.
///
/// # Errors
///
/// The working directory is gone.
pub fn examine(selection: &Selection) -> Result<Vec<Finding>> {
    let context = Context::current()?;
    let machine = Machine::look(context.var_os("PATH").as_deref());
    let toolchain = Toolchain::load(&context, selection).ok();
    let sysroot = toolchain.map(|toolchain| toolchain.sysroot);
    Ok(judge(&machine, sysroot.as_deref()))
}

/// What the facts mean; `sysroot` is the compiler's, where there is one.
pub fn judge(machine: &Machine, sysroot: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if machine.linux {
        findings.push(permission(machine));
        findings.push(pmu(machine));
        findings.push(kernel(machine));
        findings.push(short_lived(machine));
        findings.extend(perf(machine));
        findings.push(memory(machine));
        findings.push(rate(machine));
    } else {
        findings.push(Finding::worse(
            "system",
            Status::Missing,
            "recording works on Linux only",
            "record on Linux, and open the file here: `cargo hotspots --input perf.data`",
        ));
    }
    findings.extend(sysroot.map(std_sources));
    findings
}

/// What a recording makes use of.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only a recorder asks")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// perf records.
    pub(crate) perf: bool,
    /// Whole CPUs are sampled.
    pub(crate) whole_cpus: bool,
    /// Copies of the stack are recorded.
    pub(crate) dwarf: bool,
    /// The user chose the event.
    pub(crate) own_event: bool,
}

/// Those findings that make a recording worse.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only a recorder asks")
)]
pub(crate) fn degradations(machine: &Machine, need: Need) -> Vec<Degradation> {
    let concerns = |finding: &Finding| match finding.code {
        "pmu" => !need.own_event,
        "kernel" => true,
        // The built-in recorder is the better one then.
        "perf" | "perf-stacks" => !need.perf && !need.whole_cpus,
        "perf-compression" => need.perf && need.dwarf,
        "memory" => need.dwarf,
        // The rate that was asked for is compared where it is known; of short-lived threads the
        // recording's coverage speaks.
        _ => false,
    };
    judge(machine, None)
        .into_iter()
        .filter(|finding| finding.status != Status::Ok && concerns(finding))
        .map(|finding| Degradation {
            code: finding.code.into(),
            what: finding.what,
            remedy: finding.remedy.unwrap_or_default(),
        })
        .collect()
}

/// Whether anything may be sampled at all.
pub(crate) fn permission(machine: &Machine) -> Finding {
    const CODE: &str = "permission";
    let paranoid = machine.paranoid;
    let level = paranoid.map_or("?".into(), |level| level.to_string());
    match machine.clock {
        Trial::Works => Finding::ok(
            CODE,
            format!("programs may be sampled (kernel.perf_event_paranoid = {level})"),
        ),
        // Debian's and Android's kernels know levels above 2, which forbid it to ordinary users.
        Trial::Refused(_) if paranoid.is_some_and(|level| level > 2) && !machine.root => {
            Finding::worse(
                CODE,
                Status::Missing,
                format!(
                    "kernel.perf_event_paranoid is {level}, which forbids sampling to ordinary users"
                ),
                "sudo sysctl kernel.perf_event_paranoid=2",
            )
        }
        Trial::Refused(code) => Finding::worse(
            CODE,
            Status::Missing,
            format!(
                "perf_event_open is blocked (error {code}; kernel.perf_event_paranoid = {level}), as \
                 containers' seccomp filters do"
            ),
            "allow it to the container: `docker run --security-opt seccomp=unconfined --cap-add \
             PERFMON …`, or record outside of it",
        ),
        Trial::Untried => Finding::worse(
            CODE,
            Status::Missing,
            "sampling was not tried on this system",
            "record on Linux, and open the file here with --input",
        ),
    }
}

fn pmu(machine: &Machine) -> Finding {
    const CODE: &str = "pmu";
    match machine.cycles {
        Trial::Works => Finding::ok(CODE, "the processor's cycle counter can be sampled"),
        _ if !machine.clock.works() => Finding::worse(
            CODE,
            Status::Missing,
            "the processor's counters cannot be tried without permission",
            "fix the permission first",
        ),
        _ => Finding::worse(
            CODE,
            Status::Degraded,
            "there is no access to the processor's counters (a virtual machine without a PMU), so the \
             CPU clock is sampled: time is right, single instructions are less exact",
            "give the virtual machine a virtual PMU (QEMU: `-cpu host,pmu=on`; cloud: a metal or \
             dedicated instance), or record on the host",
        ),
    }
}

fn kernel(machine: &Machine) -> Finding {
    const CODE: &str = "kernel";
    let level = machine.paranoid.unwrap_or(2);
    if !machine.kernel.works() {
        return Finding::worse(
            CODE,
            Status::Degraded,
            format!(
                "time in the kernel is not sampled (kernel.perf_event_paranoid = {level}, and this is \
                 an ordinary user)"
            ),
            "sudo sysctl kernel.perf_event_paranoid=1",
        );
    }
    let hidden = match machine.kptr_restrict {
        Some(0) | None => false,
        Some(1) => !machine.root,
        Some(_) => true,
    };
    if hidden {
        return Finding::worse(
            CODE,
            Status::Degraded,
            "the kernel hides its addresses, so its functions have no names",
            "sudo sysctl kernel.kptr_restrict=0",
        );
    }
    Finding::ok(CODE, "time in the kernel is sampled too")
}

/// Whether threads are seen that end before their first period is over.
fn short_lived(machine: &Machine) -> Finding {
    const CODE: &str = "short-lived";
    if machine.whole_cpus.works() {
        return Finding::ok(
            CODE,
            "whole CPUs may be sampled, so threads and processes are seen however short they live",
        );
    }
    Finding::worse(
        CODE,
        Status::Degraded,
        "threads and processes that use less CPU time than a sample's period are not seen",
        "sudo sysctl kernel.perf_event_paranoid=0, or run as root; or raise --frequency",
    )
}

fn perf(machine: &Machine) -> Vec<Finding> {
    const CODE: &str = "perf";
    let Some(perf) = &machine.perf else {
        return vec![Finding::worse(
            CODE,
            Status::Degraded,
            "perf is not on the path, so the built-in recorder is used, which knows fewer events",
            INSTALL_PERF,
        )];
    };
    let Some(version) = &perf.version else {
        return vec![Finding::worse(
            CODE,
            Status::Degraded,
            format!(
                "`{}` does not run (is it only a wrapper, without the package for this kernel?), so the \
                 built-in recorder is used, which knows fewer events",
                perf.path.display()
            ),
            INSTALL_PERF,
        )];
    };
    let mut findings = vec![Finding::ok(
        CODE,
        format!("perf {version}, `{}`", perf.path.display()),
    )];
    if !perf.dwarf {
        findings.push(Finding::worse(
            "perf-stacks",
            Status::Degraded,
            "this perf was built without stack unwinding and cannot record copies of the stack, so the \
             built-in recorder is used",
            "install a perf that is built with libunwind or libdw",
        ));
    }
    if !perf.zstd {
        findings.push(Finding::worse(
            "perf-compression",
            Status::Degraded,
            "this perf was built without zstd: recordings with stacks take 16 MB for each busy second \
             of a CPU",
            "install a perf that is built with libzstd, or record with --call-graph fp",
        ));
    }
    findings
}

fn memory(machine: &Machine) -> Finding {
    const CODE: &str = "memory";
    if machine.root {
        return Finding::ok(CODE, "root's buffers are not limited");
    }
    match machine.mlock_kb {
        Some(kb) if kb < DEFAULT_MLOCK_KB => Finding::worse(
            CODE,
            Status::Degraded,
            format!(
                "buffers may hold {kb} KiB for each CPU, a few samples with their stacks: some may be lost"
            ),
            "sudo sysctl kernel.perf_event_mlock_kb=2048",
        ),
        Some(kb) => Finding::ok(CODE, format!("buffers may hold {kb} KiB for each CPU")),
        None => Finding::ok(CODE, "the limit for buffers is not known"),
    }
}

fn rate(machine: &Machine) -> Finding {
    const CODE: &str = "sample-rate";
    match machine.max_sample_rate {
        Some(rate) if rate < DEFAULT_RATE => Finding::worse(
            CODE,
            Status::Degraded,
            format!(
                "the kernel allows {rate} samples a second (it lowers that by itself when samples take \
                 it too long)"
            ),
            "sudo sysctl kernel.perf_event_max_sample_rate=100000",
        ),
        Some(rate) => Finding::ok(CODE, format!("up to {rate} samples a second")),
        None => Finding::ok(CODE, "the limit for samples a second is not known"),
    }
}

fn std_sources(sysroot: &Path) -> Finding {
    const CODE: &str = "std-sources";
    if sysroot.join("lib/rustlib/src/rust/library").is_dir() {
        Finding::ok(CODE, "lines of the standard library can be shown")
    } else {
        Finding::worse(
            CODE,
            Status::Degraded,
            "lines of the standard library are known by number only: its sources are not installed",
            "rustup component add rust-src",
        )
    }
}
