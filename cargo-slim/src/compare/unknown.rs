//! A side of a comparison whose bytes mostly have no known owner. A snapshot carries no warnings,
//! so this is told from its rows.

use crate::snapshot::Snapshot;
use codecost::{
    report::{Warning, printable},
    units::Share,
};

/// Whether most of a file has no known owner, so that its crates and functions say little.
pub(super) fn warning(side: &str, snapshot: &Snapshot) -> Option<Warning> {
    let artifact = &snapshot.artifact;
    let rows = snapshot.crates.iter();
    let unknown = rows
        .filter(|row| row.name == "[unknown]")
        .map(|row| row.file);
    let unknown = unknown.fold(0, u64::saturating_add);
    if unknown <= artifact.file_size / 2 {
        return None;
    }
    let share = Share(unknown as f64 / artifact.file_size as f64);
    let which = format!("the file {side}, {}: ", printable(snapshot.file()));
    // Older snapshots do not say it.
    let has_table = || snapshot.sections.iter().any(|row| row.name == ".symtab");
    let stripped = artifact.stripped;
    let stripped = stripped.unwrap_or_else(|| artifact.format == "elf" && !has_table());
    // Others have no table of symbols, or one that says little.
    let why = match artifact.format.as_str() {
        "elf" => "no symbol table",
        _ => "it is stripped",
    };
    Some(match stripped {
        true => Warning::new(
            "stripped",
            format!("{which}{why}, so {share} of its bytes have no known owner"),
        )
        .help("compare snapshots of builds with `strip = \"none\"` or with their debug files"),
        false => Warning::new(
            "mostly-unknown",
            format!("{which}{share} of its bytes have no known owner"),
        )
        .help(
            "compare snapshots that `cargo slim snapshot` builds, or files with debug information",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{ByCategory, Category};
    use crate::snapshot::{Artifact, Crate, Section};
    use codecost::attribution::Origin;

    fn file(format: &str, section: &str, unknown: u64) -> Snapshot {
        Snapshot {
            artifact: Artifact {
                path: "app".into(),
                format: format.into(),
                file_size: 1000,
                ..Artifact::default()
            },
            sections: vec![Section {
                name: section.into(),
                kind: "symbols".into(),
                file: 10,
                shipped: None,
                memory: 0,
            }],
            crates: vec![Crate {
                name: "[unknown]".into(),
                package: None,
                version: None,
                origin: Origin::Unknown,
                file: unknown,
                shipped: None,
                memory: 0,
                parts: ByCategory::from([(Category::Other, unknown)]),
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_side_that_is_mostly_unknown_is_named() {
        let code = |format, section, unknown| {
            let warning = warning("after", &file(format, section, unknown));
            warning.map(|warning| {
                let side = "the file after, app: ";
                assert!(warning.message.starts_with(side), "{}", warning.message);
                warning.code
            })
        };
        assert_eq!(code("elf", ".symtab", 500), None);
        assert_eq!(code("elf", ".text", 500), None);
        assert_eq!(code("elf", ".symtab", 501), Some("mostly-unknown"));
        assert_eq!(code("elf", ".text", 993), Some("stripped"));
        assert_eq!(code("pe", ".text", 993), Some("mostly-unknown"));
    }
}
