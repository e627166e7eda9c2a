//! Each finding where it fires, and where it must not.

use super::{
    super::{fixture::Fixture, model::Finding, shares::Shares, subject::Subject},
    find,
};
use crate::{
    recording::{About, Recording},
    symbols::{FunctionId, OwnerId},
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    attribution::Origin,
};
use std::collections::BTreeMap;

struct Program {
    fixture: Fixture,
    core: OwnerId,
    libc: OwnerId,
    app: OwnerId,
    registry: OwnerId,
    main: FunctionId,
    work: FunctionId,
}

impl Program {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let core = fixture.krate("core", Origin::Std, true);
        let libc = fixture.krate("[libc]", Origin::Native, true);
        let app = fixture.krate("app", Origin::Workspace, false);
        let registry = fixture.krate("parking_lot", Origin::Registry, false);
        let main = fixture.function("app::main", app);
        let work = fixture.function("app::work", app);
        Self {
            fixture,
            core,
            libc,
            app,
            registry,
            main,
            work,
        }
    }

    /// Samples in `stack`, functions outermost first, each with a frame of its own.
    fn spend(&mut self, stack: &[FunctionId], samples: u64) {
        let frames: Vec<_> = stack
            .iter()
            .map(|function| self.fixture.frame(&[*function]))
            .collect();
        let stack = self.fixture.stack(&frames);
        self.fixture.samples(stack, samples);
    }

    fn named(&mut self, name: &str, owner: OwnerId) -> FunctionId {
        self.fixture.function(name, owner)
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings_with(None)
    }

    fn findings_with(&self, settings: Option<&BTreeMap<String, String>>) -> Vec<Finding> {
        let recording = Recording {
            data: "perf.data".into(),
            about: Some(About {
                build_profile: Some("release".into()),
                ..About::default()
            }),
        };
        let (profile, symbols) = (&self.fixture.profile, &self.fixture.symbols);
        let subject = Subject {
            profile,
            symbols,
            recording: &recording,
            settings,
            input_flag: " --input perf.data".into(),
        };
        find(&subject, &Shares::new(profile, symbols))
    }

    fn codes(&self) -> Vec<&'static str> {
        self.findings().iter().map(|finding| finding.code).collect()
    }
}

/// A finding fires when `name`, of the system, takes a tenth for `app::work`; not when it takes a
/// hundredth, and not when the function is not of the system.
fn fires_for(code: &str, name: &str) -> Finding {
    let program = |samples: u64, system: bool| {
        let mut program = Program::new();
        let owner = if system { program.core } else { program.app };
        let function = program.named(name, owner);
        let (main, work) = (program.main, program.work);
        program.spend(&[main, work], 100 - samples);
        program.spend(&[main, work, function], samples);
        program
    };
    assert!(program(1, true).codes().is_empty(), "{code}: a hundredth");
    assert!(program(10, false).codes().is_empty(), "{code}: own code");
    let mut findings = program(10, true).findings();
    assert_eq!(findings.len(), 1, "{code}: {findings:?}");
    let finding = findings.remove(0);
    assert_eq!(finding.code, code);
    assert_eq!(finding.time, 10_000_000);
    assert_eq!(
        finding.command,
        "cargo hotspots callees app::work --input perf.data"
    );
    assert!(
        finding.evidence[0].starts_with("10.0% for app::work, all of it in src/"),
        "{:?}",
        finding.evidence
    );
    finding
}

#[test]
fn siphash() {
    fires_for(
        "siphash",
        "<core::hash::sip::Hasher<core::hash::sip::Sip13Rounds> as core::hash::Hasher>::write",
    );
    // Another hasher in a map that could have had SipHash.
    let mut program = Program::new();
    let (main, work, core) = (program.main, program.work, program.core);
    let other = program.named(
        "hashbrown::map::make_hash::<u8, core::hash::BuildHasherDefault<core::hash::sip::SipHasher13>>",
        core,
    );
    program.spend(&[main, work, other], 100);
    assert!(program.codes().is_empty());
}

#[test]
fn the_allocator_for_one_caller() {
    let finding = fires_for("allocator", "_int_malloc");
    assert!(finding.title.contains("`app::work`"));
    // Three callers share it: nobody is the one.
    let mut program = Program::new();
    let (main, app, libc) = (program.main, program.app, program.libc);
    let malloc = program.named("malloc", libc);
    for name in ["app::a", "app::b", "app::c"] {
        let caller = program.named(name, app);
        program.spend(&[main, caller, malloc], 10);
    }
    assert!(program.codes().is_empty());
}

#[test]
fn what_a_harness_asks_for_is_no_finding() {
    let mut program = Program::new();
    let (main, registry, libc) = (program.main, program.registry, program.libc);
    program.fixture.symbols.crates[registry.0 as usize].name = "criterion".into();
    let iterate = program.named("criterion::Bencher::iter_batched", registry);
    let malloc = program.named("malloc", libc);
    program.spend(&[main, iterate, malloc], 30);
    assert!(program.codes().is_empty());
}

#[test]
fn copies_for_one_caller() {
    fires_for("copies", "__memmove_avx_unaligned_erms");
    fires_for(
        "copies",
        "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
    );
}

#[test]
fn formatting_but_not_what_it_writes() {
    fires_for("formatting", "core::fmt::write");
    let mut program = Program::new();
    let (main, work, core, libc) = (program.main, program.work, program.core, program.libc);
    let format = program.named("core::fmt::write", core);
    let out = program.named("std::io::default_write_fmt", core);
    let write = program.named("__write", libc);
    program.spend(&[main, work, format, out, write], 100);
    assert!(program.codes().is_empty());
}

#[test]
fn locks_of_std_and_of_crates() {
    fires_for(
        "lock-contention",
        "<std::sys::sync::mutex::futex::Mutex>::lock_contended",
    );
    let mut program = Program::new();
    let (main, work, registry) = (program.main, program.work, program.registry);
    let slow = program.named("<parking_lot::raw_mutex::RawMutex>::lock_slow", registry);
    program.spend(&[main, work], 80);
    program.spend(&[main, work, slow], 20);
    let findings = program.findings();
    assert_eq!(findings[0].code, "lock-contention");
    assert!(findings[0].evidence[0].contains("for app::work"));
    // A lock that nobody else holds.
    let mut program = Program::new();
    let (main, work, core) = (program.main, program.work, program.core);
    let fast = program.named("<std::sync::poison::mutex::Mutex<u8>>::lock", core);
    program.spend(&[main, work, fast], 100);
    assert!(program.codes().is_empty());
}

#[test]
fn one_time_initialisation_is_the_initialiser_not_the_access() {
    let mut program = Program::new();
    let (main, work, core, app) = (program.main, program.work, program.core, program.app);
    let once = program.named("<std::sys::sync::once::futex::Once>::call", core);
    let table = program.named("app::TABLE::{closure#0}", app);
    let helper = program.named("app::powers", app);
    program.spend(&[main, work], 70);
    program.spend(&[main, work, once, table, helper], 30);
    let findings = program.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].code, "one-time-initialisation");
    assert!(findings[0].title.contains("app::TABLE::{closure#0}"));
    assert_eq!(findings[0].time, 30_000_000);
    // Only looking whether it is done.
    let mut program = Program::new();
    let (main, work, core) = (program.main, program.work, program.core);
    let once = program.named("<std::sync::once_lock::OnceLock<u8>>::initialize", core);
    program.spend(&[main, work, once], 100);
    assert!(program.codes().is_empty());
}

fn settings(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn an_opt_level_that_is_not_for_speed() {
    let mut program = Program::new();
    let (main, work) = (program.main, program.work);
    program.spend(&[main, work], 100);
    let codes = |written: &[(&str, &str)]| -> Vec<_> {
        let settings = settings(written);
        let findings = program.findings_with(Some(&settings));
        findings.iter().map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&[("opt-level", "\"z\"")]), ["opt-level"]);
    assert_eq!(codes(&[("opt-level", "1")]), ["opt-level"]);
    assert!(codes(&[("opt-level", "3")]).is_empty());
    assert!(codes(&[]).is_empty());
    let finding = &program.findings_with(Some(&settings(&[("opt-level", "\"s\"")])))[0];
    assert_eq!(
        finding.command,
        "cargo tune --target speed --profile release"
    );
}

#[test]
fn missing_lto_where_crates_call_each_other() {
    let mut program = Program::new();
    let (main, work, registry) = (program.main, program.work, program.registry);
    let other = program.named("parking_lot::compute", registry);
    program.spend(&[main, work], 60);
    program.spend(&[main, work, other], 40);
    let size = |program: &mut Program, size: u64| {
        let chain = program.fixture.symbols.chains.last_mut().unwrap();
        chain.extent = Some(AddressRange::new(VirtualAddress(0x1000), size));
    };
    size(&mut program, 4000);
    assert!(
        program.findings_with(Some(&settings(&[]))).is_empty(),
        "too large to inline"
    );
    size(&mut program, 40);
    let codes = |written: &[(&str, &str)]| -> Vec<_> {
        let settings = settings(written);
        let findings = program.findings_with(Some(&settings));
        findings.iter().map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&[]), ["no-lto"]);
    assert_eq!(codes(&[("lto", "\"off\"")]), ["no-lto"]);
    assert!(codes(&[("lto", "true")]).is_empty());
    assert!(codes(&[("lto", "\"thin\"")]).is_empty());
    let finding = &program.findings_with(Some(&settings(&[])))[0];
    assert_eq!(finding.time, 40_000_000);
    // Without settings nothing is known.
    assert!(program.codes().is_empty());
    // One crate only.
    let mut program = Program::new();
    let (main, work) = (program.main, program.work);
    program.spend(&[main, work], 100);
    let settings = settings(&[]);
    assert!(program.findings_with(Some(&settings)).is_empty());
}
