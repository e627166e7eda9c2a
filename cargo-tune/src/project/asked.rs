//! What rustc says of a target and of flags, without compiling anything.

use std::process::{Output, Stdio};

use cargo_platform::Cfg;
use codecost::cargo::config::{Effective, Notice};
use codecost::cargo::{Context, Selection, Toolchain};
use codecost::{Error, Result};

/// `rustc --print cfg`; without an answer no `cfg(…)` table matches.
pub(super) fn print_cfg(context: &Context, toolchain: &Toolchain, triple: &str) -> Vec<Cfg> {
    let lines = lines(print(context, toolchain, "cfg", triple, &[]));
    lines.iter().filter_map(|line| line.parse().ok()).collect()
}

/// The processors that rustc knows for a target; none if it does not say.
pub(super) fn target_cpus(context: &Context, toolchain: &Toolchain, triple: &str) -> Vec<String> {
    let lines = lines(print(context, toolchain, "target-cpus", triple, &[]));
    let names = lines.iter().filter(|line| line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Refuses a target that rustc does not know. A specification in a file is left to cargo, which
/// needs unstable options for it.
pub(super) fn check_triple(
    context: &Context,
    selection: &Selection,
    toolchain: &Toolchain,
    triple: &str,
) -> Result<()> {
    if triple == toolchain.host || triple.ends_with(".json") {
        return Ok(());
    }
    let Some(why) = refusal(print(context, toolchain, "cfg", triple, &[])) else {
        return Ok(());
    };
    let message = format!("rustc knows no target `{triple}`: {why}");
    let help = "`rustc --print target-list` lists the targets";
    Err(match selection.triple {
        Some(_) => Error::usage(message, help),
        None => Error::failed(message, help),
    })
}

/// What rustc, or this tool, makes nothing of in the rustflags in force.
pub(super) fn flags_in_force(
    context: &Context,
    toolchain: &Toolchain,
    effective: &Effective,
) -> Option<Notice> {
    let flags = &effective.rustflags.flags;
    let origins = &effective.rustflags.origins;
    let places: Vec<String> = origins.iter().map(ToString::to_string).collect();
    let places = places.join(", ");
    if flags.is_empty() {
        return None;
    }
    if let Some(file) = flags.iter().find(|flag| flag.starts_with('@')) {
        return Some(Notice {
            code: "flags-not-read",
            message: format!(
                "`{file}` in the rustflags ({places}) names no text file of up to 64 KiB, so its \
                 flags are not taken into account here"
            ),
            help: Some(
                "a relative path is looked up in the directory of the workspace's manifest; or \
                 write the flags out"
                    .to_owned(),
            ),
        });
    }
    // Only what rustc takes without the flags is about the flags.
    let answer =
        |flags: &[String]| refusal(print(context, toolchain, "cfg", &effective.triple, flags));
    let why = answer(flags).filter(|_| answer(&[]).is_none())?;
    Some(Notice {
        code: "refused-rustflags",
        message: format!(
            "rustc refuses the rustflags `{}` ({places}), so no build works: {why}",
            flags.join(" ")
        ),
        help: Some("correct them there".to_owned()),
    })
}

fn print(
    context: &Context,
    toolchain: &Toolchain,
    what: &str,
    triple: &str,
    flags: &[String],
) -> Option<Output> {
    let mut command = context.command(&toolchain.rustc);
    command.args(["--print", what, "--target", triple]);
    let output = command.args(flags).stdin(Stdio::null()).output();
    output.ok()
}

fn lines(output: Option<Output>) -> Vec<String> {
    let output = output.filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The first line of rustc's error, if it refuses.
fn refusal(output: Option<Output>) -> Option<String> {
    let output = output.filter(|output| !output.status.success())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| line.starts_with("error"))?;
    Some(
        line.split_once(": ")
            .map_or(line, |(_, why)| why)
            .to_owned(),
    )
}
