//! What the way of building costs: debug information that is shipped, link-time optimisation that
//! cargo leaves out without a word.

use super::super::{
    model::{Artifact, CrateRow, Finding},
    open::Opened,
    subject::Subject,
};
use crate::ledger::Category;
use codecost::{
    image::{Format, SectionKind},
    units::{Bytes, Share},
};

/// Debug information that is shipped: in a file that is there, or in a build whose own profile
/// keeps it. That our analysis build has symbols and std's debug information says nothing of what
/// the user ships.
pub(super) fn debug_info(
    opened: &Opened,
    subject: &Subject<'_>,
    artifact_flags: &str,
) -> Option<Finding> {
    // What a linker will make of an object is not its size without these.
    if !subject.image.parts.is_empty() {
        return None;
    }
    let settings = &opened.facts.settings;
    let off = |value: &Option<String>| {
        value
            .as_deref()
            .is_none_or(|value| matches!(value.trim_matches('"'), "0" | "false" | "none"))
    };
    // Without debug information of its own, cargo strips std's.
    if opened.facts.target.is_some() && (off(&settings.debug) || !off(&settings.strip)) {
        return None;
    }
    let debug: Vec<_> = subject
        .image
        .sections
        .iter()
        .filter(|section| section.kind == SectionKind::Debug && section.file.size > 0)
        .collect();
    let bytes: u64 = debug.iter().map(|section| section.file.size).sum();
    if debug.is_empty() {
        return None;
    }
    let largest = debug.iter().max_by_key(|section| section.file.size)?;
    let mut evidence = Vec::new();
    if let (Some(debug), Some(profile)) = (&settings.debug, &opened.facts.profile) {
        evidence.push(format!(
            "profile `{profile}` sets `debug = {debug}` and does not strip"
        ));
    }
    evidence.push(format!(
        "{} sections, the largest `{}` with {}",
        debug.len(),
        largest.name,
        Bytes(largest.file.size)
    ));
    if let Some(shipped) = subject.image.shipped_size() {
        evidence.push(format!(
            "without it and the symbol table the file has {}: `strip = \"symbols\"`",
            Bytes(shipped)
        ));
    }
    Some(Finding {
        code: "debug-info",
        title: match &opened.facts.profile {
            Some(profile) => format!("profile `{profile}` keeps debug information in the file"),
            None => "the file holds debug information".into(),
        },
        bytes,
        evidence,
        command: format!("cargo slim sections {artifact_flags} --filter debug"),
    })
}

/// The symbol table of a native file that is shipped: cargo leaves it in unless it is told to strip.
pub(super) fn symbols(
    opened: &Opened,
    subject: &Subject<'_>,
    artifact_flags: &str,
) -> Option<Finding> {
    let image = &subject.image;
    if !image.parts.is_empty() || image.format == Format::Wasm {
        return None;
    }
    let settings = &opened.facts.settings;
    let strip = settings.strip.as_deref().unwrap_or("none");
    let strips = matches!(strip.trim_matches('"'), "symbols" | "true");
    // The user's own flags, which the build for the analysis overrules.
    let build = opened.facts.build.as_ref();
    let flag = build.and_then(|build| build.rustflags.codegen("strip"));
    if opened.facts.target.is_some() && (strips || flag == Some("symbols")) {
        return None;
    }
    let debug = image
        .sections
        .iter()
        .filter(|section| section.kind == SectionKind::Debug);
    let debug: u64 = debug.map(|section| section.file.size).sum();
    let bytes = (image.bytes.len() as u64)
        .checked_sub(image.shipped_size()?)?
        .checked_sub(debug)?;
    let mut evidence = Vec::new();
    match (&opened.facts.profile, opened.facts.target.is_some()) {
        (Some(profile), true) => evidence.push(format!(
            "profile `{profile}` does not strip it: `strip = \"symbols\"` does"
        )),
        _ => evidence.push(
            "`strip = \"symbols\"` in the profile, or the program `strip`, takes it out".into(),
        ),
    }
    evidence.push("backtraces then show addresses in place of names".into());
    Some(Finding {
        code: "symbols-shipped",
        title: "the file ships its symbol table".into(),
        bytes,
        evidence,
        command: format!("cargo slim sections {artifact_flags} --filter '(?i)sym|strtab'"),
    })
}

/// Names of functions that a module of WebAssembly ships: each page load pays for them.
pub(super) fn names(
    opened: &Opened,
    subject: &Subject<'_>,
    artifact_flags: &str,
) -> Option<Finding> {
    let strips = opened.facts.settings.strip.as_deref();
    let keeps = strips.is_none_or(|strip| matches!(strip.trim_matches('"'), "none" | "false"));
    if subject.image.format != Format::Wasm || (opened.facts.target.is_some() && !keeps) {
        return None;
    }
    let sections = subject.image.sections.iter();
    let names = sections.filter(|section| section.kind == SectionKind::Symbols);
    let bytes: u64 = names.map(|section| section.file.size).sum();
    let whole = subject.image.bytes.len() as u64;
    Some(Finding {
        code: "names-shipped",
        title: "the module holds the names of its functions".into(),
        bytes,
        evidence: vec![
            format!("{} of the file", Share::of(bytes, whole)),
            "only stack traces and tools read them: `strip = \"symbols\"`, or `wasm-opt \
             --strip-debug`, leaves them out"
                .into(),
        ],
        command: format!("cargo slim sections {artifact_flags} --filter 'name$'"),
    })
}

/// `crate-type = ["cdylib", "rlib"]`: cargo builds both at once, and an rlib cannot take part in
/// link-time optimisation, so it is left out for both.
pub(super) fn lost_lto(
    opened: &Opened,
    artifact: &Artifact,
    crates: &[CrateRow],
) -> Option<Finding> {
    let target = opened.facts.target.as_ref()?;
    let lto = opened.facts.settings.lto.as_deref()?;
    let has = |kind: &str| target.crate_types.iter().any(|of| of == kind);
    let mixed = (has("cdylib") || has("staticlib")) && (has("rlib") || has("lib"));
    if !mixed || matches!(lto.trim_matches('"'), "off" | "false") {
        return None;
    }
    let profile = artifact.profile.as_deref().unwrap_or("release");
    Some(Finding {
        code: "lto-left-out",
        title: format!(
            "`lto = {lto}` of profile `{profile}` does nothing here: `{}` is built as {}",
            target.name,
            target.crate_types.join(" and ")
        ),
        bytes: crates.iter().map(|row| row.parts[Category::Code]).sum(),
        evidence: vec![
            "cargo leaves link-time optimisation out for a library that is also an rlib".into(),
            "the bytes are all the code that it could not reach, not what it would save".into(),
        ],
        command: format!(
            "cargo rustc {} --profile {profile} --crate-type cdylib",
            target.flags()
        ),
    })
}
