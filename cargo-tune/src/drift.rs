//! Have the effective settings drifted from the plan, and did rustc get them?
//!
//! Without a build: whatever the plan would still change has drifted. With `--build`: every value
//! that should be in force is looked for in the arguments that rustc was given in a private build,
//! for the unit itself and for everything that is linked into it.

use codecost::Result;
use codecost::cargo::config::{Origin, OriginKind, Spec, Value, flagged};

use crate::knob::{Assignment, Key, Knob, Topic};
use crate::pgo::age::{AGED, Gone};
use crate::pgo::reuse::Kept;
use crate::plan::{Change, Plan, Skipped};
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::rustc::arguments::{Unit, Units};
use crate::rustc::build::{self, Settings};
use crate::rustc::proof::mismatch;

/// Whether one key is as the plan wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In force and, with `--build`, in rustc's arguments.
    Pass,
    /// Another value is in force.
    Drifted,
    /// In force by all rules, but not in rustc's arguments.
    NotProven,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drifted => "drifted",
            Self::NotProven => "not-proven",
        }
    }
}

/// One key.
#[derive(Debug, Clone)]
pub struct Row {
    /// The knob.
    pub knob: Knob,
    /// The bare key: `rustflags` for a flag that is to be added, else the knob's name.
    pub key: String,
    /// The package that an override is for, where it is one.
    pub package: Option<String>,
    /// The value wanted.
    pub expected: Value,
    /// The value in force.
    pub value: Option<Value>,
    /// Where that comes from.
    pub origin: Option<Origin>,
    /// The verdict.
    pub status: Status,
    /// What rustc's arguments show, or what is out of reach.
    pub proof: Option<String>,
    /// What to do, where the plan has no change that would put it right.
    pub remedy: Option<String>,
}

/// Compares the plan with what is in force.
pub fn drift(project: &Project, plan: &Plan) -> Vec<Row> {
    let changes = plan.changes.iter().map(|change| drifted(project, change));
    let passed = plan.skipped.iter().filter_map(|s| passed(project, s));
    let unreachable = plan.skipped.iter().filter(|s| s.unreachable);
    let unreachable = unreachable.map(|skipped| void(project, skipped));
    changes.chain(passed).chain(unreachable).collect()
}

/// What the plan would still change.
fn drifted(project: &Project, change: &Change) -> Row {
    let (package, expected) = match &change.assignment {
        Assignment::Key(setting) => (setting.package.clone(), setting.value.clone()),
        Assignment::Flag(setting) => (None, Value::List(setting.flags.clone())),
    };
    let knob = change.knob();
    Row {
        knob,
        key: change.key().to_owned(),
        expected,
        value: change.before.clone(),
        origin: origin(project, package.as_deref(), knob),
        package,
        status: Status::Drifted,
        proof: None,
        remedy: None,
    }
}

/// What is in force as the plan wants it.
fn passed(project: &Project, skipped: &Skipped) -> Option<Row> {
    let value = skipped.in_force.clone()?;
    Some(Row {
        knob: skipped.knob,
        key: skipped.knob.name().to_owned(),
        package: skipped.package.clone(),
        expected: value.clone(),
        value: Some(value),
        origin: origin(project, skipped.package.as_deref(), skipped.knob),
        status: Status::Pass,
        proof: None,
        remedy: None,
    })
}

/// What the plan wants but something makes void or puts out of reach: it has drifted, and no edit
/// by this tool would help.
fn void(project: &Project, skipped: &Skipped) -> Row {
    let name = skipped.knob.name();
    let package = skipped.package.as_deref();
    let value = match skipped.knob {
        Knob::Key(key) => match flagged(&project.effective, key.name()) {
            Some(flagged) => Some(flagged.value),
            None => project.setting(package, key).map(|s| s.value.clone()),
        },
        Knob::Flag(_) | Knob::Topic(_) => None,
    };
    Row {
        knob: skipped.knob,
        key: name.to_owned(),
        package: skipped.package.clone(),
        expected: skipped
            .wanted
            .clone()
            .unwrap_or_else(|| Value::Other(name.to_owned())),
        value,
        origin: origin(project, package, skipped.knob),
        status: Status::Drifted,
        proof: Some(skipped.reason.clone()),
        remedy: Some(skipped.remedy.clone().unwrap_or(skipped.reason.clone())),
    }
}

/// Where the value in force of a key comes from. Flags are a list of many origins.
fn origin(project: &Project, package: Option<&str>, knob: Knob) -> Option<Origin> {
    match knob {
        Knob::Key(key) => match flagged(&project.effective, key.name()) {
            Some(flagged) => Some(flagged.origin),
            None => Some(project.setting(package, key)?.origin.clone()),
        },
        Knob::Flag(_) | Knob::Topic(_) => None,
    }
}

/// Whether the profiles that are kept for programs still match their code.
pub fn profiles(kept: &[Kept]) -> Vec<Row> {
    kept.iter().map(profile).collect()
}

fn profile(kept: &Kept) -> Row {
    let measured = kept.age.as_ref();
    let drifted = match measured {
        Some(age) => age.worst() > AGED,
        // Without a build: names of functions follow from the compiler.
        None => !kept.other_compiler.is_empty(),
    };
    // What may be gone was to be measured, and was not.
    let unproven = measured.is_some_and(|age| matches!(age.gone, Gone::Failed(_)));
    let proof = match measured {
        Some(age) => format!("{}{}", age.words(), kept.other_compiler),
        None if drifted => kept.other_compiler.trim().to_owned(),
        None => "not measured: --build does".to_owned(),
    };
    Row {
        knob: Knob::Topic(Topic::Pgo),
        key: Topic::Pgo.name().to_owned(),
        package: None,
        expected: Value::Other("a profile of this code".to_owned()),
        value: Some(Value::Other(match &kept.note.commit {
            Some(commit) => format!("trained at {}", commit.get(..12).unwrap_or(commit)),
            None => "trained elsewhere".to_owned(),
        })),
        origin: Some(Origin {
            kind: OriginKind::Manifest,
            path: Some(kept.path.display().to_string()),
            line: None,
        }),
        status: match (drifted, unproven) {
            (true, _) => Status::Drifted,
            (false, true) => Status::NotProven,
            (false, false) => Status::Pass,
        },
        proof: Some(proof),
        remedy: match (drifted, unproven) {
            (true, _) => Some(format!(
                "`cargo tune pgo --workload CMD` trains `{}` again",
                kept.path.display()
            )),
            (false, true) => Some("check on a machine and target that can be trained".to_owned()),
            (false, false) => None,
        },
    }
}

/// Builds in a private directory, and proves the rows that pass from the arguments that rustc got.
///
/// # Errors
///
/// The build fails.
pub fn prove(project: &Project, rows: &mut [Row]) -> Result<usize> {
    let effective = &project.effective;
    let identity: Vec<String> = effective
        .settings
        .iter()
        .filter(|s| s.in_force())
        .map(|s| format!("{}.{}={}", s.table, s.key, s.value))
        .chain([
            project.toolchain.release.clone(),
            project.selection.profile().to_owned(),
        ])
        .collect();
    // One directory per configuration: there each unit has one record, and a fresh unit's is right.
    let name = format!("check-{:016x}", fnv1a(identity.join("\n").as_bytes()));
    let directory = build::directory(project, &name);
    build::build(project, &directory, None, &Settings::default(), false)?;
    let units = Units::load(&build::arguments(&directory))?;
    let roots: Vec<&Unit> = units
        .roots()
        .into_iter()
        .filter(|u| !u.is_compile_time() && !u.is_test())
        .collect();
    for row in rows.iter_mut() {
        prove_row(project, row, &roots, &units);
    }
    Ok(roots.len())
}

/// Looks for one row's value in everything that was built. A row that has drifted stays so, and says
/// what rustc got.
fn prove_row(project: &Project, row: &mut Row, roots: &[&Unit], units: &Units) {
    let mut looked_at = Looked::default();
    for root in roots {
        looked_at.add(prove_unit(project, row, root, units));
    }
    let Looked {
        count,
        fault,
        overridden,
    } = looked_at;
    if row.status != Status::Pass {
        // A flag that is wanted is missing in each unit.
        if matches!(row.knob, Knob::Key(_)) {
            row.proof = fault.or(row.proof.take());
        }
        return;
    }
    let (status, proof) = match fault {
        Some(fault) => (Status::NotProven, fault),
        None if count == 0 && row.package.is_some() => {
            (Status::Pass, "no unit that the override is for".to_owned())
        }
        None if count == 0 && overridden.is_some() => {
            let got = overridden.unwrap_or_default();
            (
                Status::NotProven,
                format!("every unit has an override of its own: {got}"),
            )
        }
        None if count == 0 => (
            Status::NotProven,
            "no recorded unit concerns this key".to_owned(),
        ),
        None => {
            let units = codecost::units::counted(count as u64, "unit");
            (Status::Pass, format!("{units} of {count} recorded"))
        }
    };
    if status == Status::NotProven {
        row.remedy = Some("`cargo tune show` lists every value and what makes it void".to_owned());
    }
    row.status = status;
    row.proof = Some(proof);
}

/// What was seen of one row's value.
#[derive(Default)]
struct Looked {
    /// How many units should show it.
    count: usize,
    /// What the first says that does not.
    fault: Option<String>,
    /// What the first got that has another value by an override of its own.
    overridden: Option<String>,
}

impl Looked {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.fault = self.fault.take().or(other.fault);
        self.overridden = self.overridden.take().or(other.overridden);
    }
}

/// How many units show it, and the first that does not.
fn prove_unit(project: &Project, row: &Row, root: &Unit, all: &Units) -> Looked {
    let key = match row.knob {
        Knob::Key(key) => Some(key),
        Knob::Flag(_) | Knob::Topic(_) => None,
    };
    let is_linked = root
        .crate_types()
        .iter()
        .any(|t| matches!(*t, "bin" | "cdylib" | "staticlib" | "dylib"));
    let only_root = key.is_some_and(Key::concerns_only_the_root);
    // A library that is not linked gets neither `lto` nor `strip`.
    if only_root && key != Some(Key::Incremental) && !is_linked {
        return Looked::default();
    }
    let mut units = if only_root {
        vec![root]
    } else {
        all.closure(root)
    };
    match row.package.as_deref() {
        Some("*") => units.retain(|unit| !project.is_member(&unit.package)),
        Some(spec) => units.retain(|unit| Spec::parse(spec).name == unit.package),
        None => {}
    }
    let mut looked_at = Looked::default();
    for unit in units {
        let fault = mismatch(row.knob, &row.expected, unit)
            .map(|fault| format!("{} ({}): {fault}", unit.crate_name(), unit.package));
        // What an override is for shows the override's value, which is a row of its own.
        let overridden = key.is_some_and(|key| project.is_overridden(key, &unit.package));
        if row.package.is_none() && overridden {
            looked_at.overridden = looked_at.overridden.or(fault);
            continue;
        }
        looked_at.count += 1;
        if fault.is_some() {
            looked_at.fault = fault;
            return looked_at;
        }
    }
    looked_at
}
