//! Code for the processor of the machine that builds it: the program runs on no older one.

use codecost::cargo::config::{Effective, Notice, OriginKind, codegen_options};

/// The warning, where the flags in force have `target-cpu=native`.
pub(super) fn in_force(effective: &Effective) -> Option<Notice> {
    let rows = effective.settings.iter();
    let rows = rows.filter(|s| s.key == "rustflags" && s.in_force());
    let is_native = |flags: &[String]| {
        let options = codegen_options(flags).into_iter().rev();
        let mut cpus = options.filter(|option| option.name == "target-cpu");
        cpus.next()
            .is_some_and(|last| last.value.as_deref() == Some("native"))
    };
    if let Some(row) = rows.rev().find(|row| is_native(&row.value.flags())) {
        let written = match row.origin.kind {
            OriginKind::Manifest | OriginKind::Config => {
                format!("`{}.rustflags`, {}", row.table, row.origin)
            }
            OriginKind::Default | OriginKind::Environment | OriginKind::CommandLine => {
                row.origin.to_string()
            }
        };
        return Some(notice(&written));
    }
    is_native(&effective.rustflags.flags).then(|| notice("the rustflags"))
}

/// The warning about what is written at a place.
pub(crate) fn notice(place: &str) -> Notice {
    Notice {
        code: "native-cpu",
        message: format!(
            "`target-cpu=native` ({place}) compiles for the processor of the machine that builds: \
             the program ends with an illegal instruction on older ones"
        ),
        help: Some(
            "for what you ship, name the oldest processor that it has to run on, such as \
             target-cpu=x86-64-v2, or none"
                .to_owned(),
        ),
    }
}
