//! Each finding where it fires, and where it must not.

use super::{
    super::{fixture::Fixture, model::Finding, shares::Shares, subject::Subject},
    BY_CALLER, find, spent,
};
use crate::{
    recording::{About, Recording, Traffic},
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
        let about = About {
            build_profile: Some("release".into()),
            ..About::default()
        };
        self.findings_of(about, settings)
    }

    fn findings_of(
        &self,
        about: About,
        settings: Option<&BTreeMap<String, String>>,
    ) -> Vec<Finding> {
        let recording = Recording {
            data: "perf.data".into(),
            about: Some(about),
        };
        let (profile, symbols) = (&self.fixture.profile, &self.fixture.symbols);
        let subject = Subject {
            profile,
            symbols,
            recording: &recording,
            settings,
            input_flag: " --input perf.data".into(),
        };
        let shares = Shares::new(profile, symbols);
        let findings = find(&subject, &shares);
        for finding in &findings {
            // The command shows what the finding counted, and not a part of it.
            let asks = format!("cargo hotspots callers '[{}]'", finding.code);
            if finding.command.starts_with(&asks) {
                let spent = spent(&subject, &shares, finding.code).expect("a finding by caller");
                assert_eq!(spent.all.period, finding.time, "{}", finding.code);
            }
            let known = BY_CALLER.contains(&finding.code);
            assert_eq!(finding.command.starts_with(&asks), known, "{finding:?}");
        }
        findings
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
    let command = match BY_CALLER.contains(&code) {
        true => format!("cargo hotspots callers '[{code}]' --input perf.data"),
        false => "cargo hotspots callees app::work --input perf.data".to_owned(),
    };
    assert_eq!(finding.command, command);
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
    // Three callers share it: it is time all the same.
    let mut program = Program::new();
    let (main, app, libc) = (program.main, program.app, program.libc);
    let malloc = program.named("malloc", libc);
    for name in ["app::a", "app::b", "app::c"] {
        let caller = program.named(name, app);
        program.spend(&[main, caller, malloc], 10);
    }
    let findings = program.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].title.contains("for many functions"));
    assert_eq!(findings[0].time, 30_000_000);
    assert_eq!(findings[0].evidence.len(), 3);
    assert_eq!(
        findings[0].command,
        "cargo hotspots callers '[allocator]' --input perf.data"
    );
    // What is freed and what gets another length is as much of the allocator as what is made.
    let work = program.work;
    for name in ["realloc", "free", "cfree"] {
        let of_libc = program.named(name, libc);
        program.spend(&[main, work, of_libc], 30);
    }
    assert_eq!(program.findings()[0].time, 120_000_000);
}

#[test]
fn growth_is_told_from_other_allocation_and_names_the_container() {
    let mut program = Program::new();
    let (main, work, core, libc) = (program.main, program.work, program.core, program.libc);
    let insert = program.named("<hashbrown::map::HashMap<u8, u8>>::insert", core);
    let rehash = program.named("<hashbrown::raw::RawTable<u8>>::reserve_rehash::<_>", core);
    let malloc = program.named("malloc", libc);
    program.spend(&[main, work], 80);
    program.spend(&[main, work, insert, rehash, malloc], 20);
    let findings = program.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].code, "growth");
    assert!(
        findings[0]
            .evidence
            .iter()
            .any(|line| line.contains("HashMap<u8, u8>>::insert")),
        "{findings:?}"
    );
    assert!(
        findings[0]
            .place
            .as_deref()
            .unwrap()
            .starts_with("app::work (src/")
    );
}

#[test]
fn threads_that_wait_in_malloc() {
    let mut program = Program::new();
    let (main, work, libc) = (program.main, program.work, program.libc);
    let malloc = program.named("malloc", libc);
    let wait = program.named("__lll_lock_wait_private", libc);
    let mutex = program.named("pthread_mutex_lock", libc);
    program.spend(&[main, work, malloc, wait], 30);
    program.spend(&[main, work, mutex, wait], 30);
    program.spend(&[main, work], 40);
    let findings = program.findings();
    let found = findings.iter().find(|f| f.code == "allocator-contention");
    assert_eq!(found.unwrap().time, 30_000_000);
}

#[test]
fn what_a_comparison_computes_each_time() {
    let mut program = Program::new();
    let (main, work, core, app) = (program.main, program.work, program.core, program.app);
    let sort = program.named(
        "core::slice::sort::unstable::quicksort::quicksort::<u8>",
        core,
    );
    let closure = program.named("app::work::{closure#0}", app);
    let score = program.named("app::score", app);
    let add = program.named("core::num::wrapping_add", core);
    program.spend(&[main, work, sort], 15);
    program.spend(&[main, work, sort, sort, closure], 15);
    program.spend(&[main, work, sort, sort, closure, score, add], 70);
    let findings = program.findings();
    assert_eq!(findings[0].code, "work-in-comparator", "{findings:?}");
    assert_eq!(findings[0].time, 70_000_000);
    assert!(findings[0].title.contains("`app::score`"));
    assert_eq!(
        findings[0].command,
        "cargo hotspots callers app::score --input perf.data"
    );
    assert!(
        findings[0]
            .place
            .as_deref()
            .unwrap()
            .starts_with("app::work (")
    );
    // Comparing is what a sort is for.
    let mut program = Program::new();
    let (main, work, core, app) = (program.main, program.work, program.core, program.app);
    let sort = program.named("core::slice::sort::stable::sort", core);
    let compare = program.named("<app::Key as core::cmp::Ord>::cmp", app);
    let memcmp = program.named("<[u8] as core::slice::cmp::SliceOrd>::compare", core);
    program.spend(&[main, work, sort, compare, memcmp], 100);
    assert!(program.codes().is_empty(), "{:?}", program.findings());
}

#[test]
fn a_system_call_for_each_line() {
    let mut program = Program::new();
    let (main, work, core, libc) = (program.main, program.work, program.core, program.libc);
    let lines = program.named(
        "<std::io::buffered::linewritershim::LineWriterShim<_> as std::io::Write>::write_all",
        core,
    );
    let buffer = program.named(
        "<std::io::buffered::bufwriter::BufWriter<_>>::flush_buf",
        core,
    );
    let write = program.named("__GI___libc_write", libc);
    program.spend(&[main, work], 60);
    program.spend(&[main, work, lines, buffer, write], 30);
    program.spend(&[main, work, buffer, write], 10);
    let findings = program.findings();
    assert_eq!(findings[0].code, "small-system-calls", "{findings:?}");
    assert_eq!(findings[0].time, 30_000_000);
    assert!(findings[0].advice.contains("BufWriter"));
    let sure = |traffic: Traffic| {
        let about = About {
            programs: vec![crate::recording::Program {
                traffic: Some(traffic),
                ..crate::recording::Program::default()
            }],
            ..About::default()
        };
        let findings = program.findings_of(about, None);
        let mut found = findings.into_iter();
        found.find(|finding| finding.code == "small-system-calls")
    };
    let small = Traffic {
        writes: 38_658,
        written_bytes: 38_658 * 62,
        ..Traffic::default()
    };
    let finding = sure(small).unwrap();
    let expected = "the program made 38,658 writes of 62 B on average";
    assert!(
        finding.evidence.iter().any(|line| line == expected),
        "{finding:?}"
    );
    assert!(finding.sureness > 0.9);
    // Few, or large ones, are none.
    assert!(
        sure(Traffic {
            writes: 20,
            ..small
        })
        .is_none()
    );
    let large = Traffic {
        written_bytes: 38_658 * 65_536,
        ..small
    };
    assert!(sure(large).is_none());
}

#[test]
fn page_faults_and_not_system_calls() {
    let mut program = Program::new();
    let kernel = program.fixture.krate("[kernel]", Origin::Kernel, true);
    let (main, work, libc) = (program.main, program.work, program.libc);
    let kernel = program.named("[kernel]", kernel);
    let memcpy = program.named("__memmove_avx_unaligned_erms", libc);
    let open = program.named("__GI___libc_open", libc);
    program.spend(&[main, work], 60);
    program.spend(&[main, work, kernel], 10);
    program.spend(&[main, work, memcpy, kernel], 20);
    program.spend(&[main, work, open, kernel], 10);
    let findings = program.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].code, "page-faults");
    assert_eq!(findings[0].time, 30_000_000);
}

#[test]
fn the_surer_finding_comes_first() {
    let mut program = Program::new();
    let (main, work, core, libc) = (program.main, program.work, program.core, program.libc);
    let sip = program.named(
        "<core::hash::sip::Hasher<_> as core::hash::Hasher>::write",
        core,
    );
    let malloc = program.named("malloc", libc);
    program.spend(&[main, work], 50);
    program.spend(&[main, work, malloc], 26);
    program.spend(&[main, work, sip], 24);
    assert_eq!(program.codes(), ["siphash", "allocator"]);
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
    assert_eq!(program.codes(), ["small-system-calls"]);
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
    // A cell in each of many values, which are initialised from many places.
    let mut program = Program::new();
    let (main, work, core, app) = (program.main, program.work, program.core, program.app);
    let once = program.named("<std::sync::once_lock::OnceLock<u8>>::initialize", core);
    let field = program.named("app::File::attributes::{closure#0}", app);
    let helper = program.named("app::helper", app);
    program.spend(&[main, work, once, field], 30);
    program.spend(&[main, helper, once, field], 30);
    assert!(program.codes().is_empty());
    // Only looking whether it is done.
    let mut program = Program::new();
    let (main, work, core) = (program.main, program.work, program.core);
    let once = program.named("<std::sync::once_lock::OnceLock<u8>>::initialize", core);
    program.spend(&[main, work, once], 100);
    assert!(program.codes().is_empty());
}

#[test]
fn system_calls_by_name_and_by_who_asks() {
    let mut program = Program::new();
    let (main, work) = (program.main, program.work);
    let kernel = program.fixture.krate("[kernel]", Origin::Kernel, true);
    let entry = program.named("entry_SYSCALL_64", kernel);
    let stat = program.named("__do_sys_newfstatat.isra.0", kernel);
    let list = program.named("__x64_sys_getdents64", kernel);
    let wait = program.named("__x64_sys_futex", kernel);
    program.spend(&[main, work], 50);
    program.spend(&[main, work, entry, stat], 20);
    program.spend(&[main, entry, list], 25);
    program.spend(&[main, work, entry, wait], 5);
    let findings = program.findings();
    assert_eq!(findings[0].code, "system-calls");
    assert_eq!(findings[0].time, 45_000_000);
    assert!(findings[0].title.contains("`getdents64` for `app::main`"));
    assert!(findings[0].evidence[1].starts_with("20.0% in `newfstatat`, most for app::work"));
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
    assert_eq!(codes(&[("overflow-checks", "true")]), ["debug-assertions"]);
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
