//! What was analysed: the lines above every table, and `artifact` in JSON.

use super::listed::{self, JsonListed};
use crate::{analysis::model::Artifact, snapshot::JsonDepth};
use codecost::{
    report::{Page, printable},
    units::Bytes,
};
use serde::Serialize;
use std::{env, path::Path};

/// `artifact` of the envelope.
#[derive(Serialize)]
pub(super) struct JsonArtifact<'a> {
    path: String,
    format: &'static str,
    architecture: &'a str,
    file_size: u64,
    shipped_size: Option<u64>,
    depth: JsonDepth,
    package: Option<&'a str>,
    target_name: Option<&'a str>,
    profile: Option<&'a str>,
    build_notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<JsonListed<'a>>,
}

impl<'a> JsonArtifact<'a> {
    pub(super) fn new(artifact: &'a Artifact) -> Self {
        Self {
            path: artifact.path.to_string_lossy().into_owned(),
            format: artifact.format,
            architecture: &artifact.architecture,
            file_size: artifact.file_size,
            shipped_size: artifact.shipped_size,
            depth: artifact.depth.into(),
            package: artifact.package.as_deref(),
            target_name: artifact.target_name.as_deref(),
            profile: artifact.profile.as_deref(),
            build_notes: &artifact.build_notes,
            packages: artifact.packages.as_ref().map(JsonListed::new),
        }
    }
}

/// The file as shipped and as analysed, and what was added for this build.
pub(super) fn page(artifact: &Artifact) -> Page {
    let Artifact {
        path,
        format,
        architecture,
        file_size,
        shipped_size,
        depth: _,
        package,
        target_name: _,
        profile,
        build_notes,
        flags: _,
        packages,
    } = artifact;
    // An archive's members say what they are for, the archive does not.
    let mut about = vec![match architecture.as_str() {
        "unknown" => format_name(format).to_owned(),
        known => format!("{} {known}", format_name(format)),
    }];
    about.extend(package.as_ref().map(|package| format!("package {package}")));
    about.extend(profile.as_ref().map(|profile| format!("profile {profile}")));
    let file = format!("{} ({})", shown(path), about.join(", "));
    let shipped = match shipped_size {
        // Objects and static libraries do not ship themselves.
        Some(size) if matches!(*format, "archive" | "object") => {
            format!("at most {}, where all of it is linked", Bytes(*size))
        }
        Some(size) => format!("{} when stripped (strip = \"symbols\")", Bytes(*size)),
        None => format!("n/a (not computed for {})", format_name(format)),
    };
    let mut analysed = Bytes(*file_size).to_string();
    if !build_notes.is_empty() {
        analysed += &format!(", this build with {}", build_notes.join(", "));
    }
    let mut facts = vec![("file", file), ("shipped", shipped), ("analysed", analysed)];
    facts.extend(
        packages
            .as_ref()
            .map(|listed| ("packages", listed::fact(listed))),
    );
    let facts = facts.into_iter();
    let facts = facts.map(|(key, value)| (key.to_owned(), printable(&value).into_owned()));
    Page::new().facts(facts.collect())
}

/// The path as a user in this directory would type it.
fn shown(path: &Path) -> String {
    let here = env::current_dir().ok();
    let relative = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.as_deref().unwrap_or(path).display().to_string()
}

fn format_name(format: &str) -> &str {
    match format {
        "elf" => "ELF",
        "mach-o" => "Mach-O",
        "pe" => "PE",
        other => other,
    }
}
