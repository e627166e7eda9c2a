//! What is measured of one artifact, today or in a baseline.

use super::config::{Measure, Pattern};
use crate::{
    analysis::model::RegionUse,
    ledger::Category,
    snapshot::{Crate, Measures, Snapshot, Surveyed},
};

/// The sizes of one artifact.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Of the artifact as the user's own profile builds it.
    pub measures: Measures,
    /// How full the regions of the chip's memory are, of firmware whose script was found.
    pub regions: Vec<RegionUse>,
    /// Which images of the file, where there is a choice.
    pub images: Option<Images>,
    /// Of the analysis build, where a rule asks for it.
    pub snapshot: Option<Snapshot>,
    /// Further names of functions, which share their code with another one.
    pub aliases: Vec<String>,
    /// Whether there are no names at all.
    pub stripped: bool,
}

/// Which images of a file were measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Images {
    /// The one for this architecture.
    One(String),
    /// All of a universal file, for these.
    All(Vec<String>),
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// So many bytes.
    Bytes(u64),
    /// None: why.
    Missing(String),
}

impl Measured {
    /// Adds what the analysis build says.
    pub(super) fn survey(&mut self, surveyed: Surveyed) {
        let Surveyed {
            snapshot,
            aliases,
            stripped,
        } = surveyed;
        self.snapshot = Some(snapshot);
        self.aliases = aliases;
        self.stripped = stripped;
    }

    /// What `measure` says today. A section, crate or function that is not there is missing: a
    /// misspelt name must not pass.
    pub fn read(&self, measure: &Measure) -> Reading {
        let whole = |value: Option<u64>, reason: &str| match value {
            Some(bytes) => Reading::Bytes(bytes),
            None => Reading::Missing(self.of_one_image(reason)),
        };
        let Measures {
            file,
            shipped,
            gzip,
            zstd,
            brotli,
            flash,
            ram,
        } = self.measures;
        let no_segments = "flash and RAM are told of ELF files with loaded segments";
        match measure {
            Measure::File => whole(file, "the file was not measured"),
            Measure::Shipped => whole(shipped, "not computed for this format"),
            Measure::Gzip => whole(gzip, "gzip was not measured"),
            Measure::Zstd => whole(zstd, "zstd was not measured"),
            Measure::Brotli => whole(brotli, "brotli was not measured"),
            Measure::Flash => whole(flash, no_segments),
            Measure::Ram => whole(ram, no_segments),
            Measure::Region(name) => {
                let region = self.regions.iter().find(|region| region.name == *name);
                let used = region.map(|region| region.used);
                match self.regions.is_empty() {
                    true => whole(used, "no `memory.x` with a place for all of it was found"),
                    false => whole(used, "`memory.x` has no such region"),
                }
            }
            Measure::Section(name) => self.parts(
                |snapshot| section(snapshot, name),
                || self.of_one_image(&format!("there is no section `{name}`")),
            ),
            // What inference finds is less than there is: a limit would hold because of it.
            Measure::Crate(_) | Measure::CrateFile(_) if self.stripped => Reading::Missing(
                "the file has no symbols, so only a part of the crate's bytes is known".into(),
            ),
            Measure::Crate(name) => self.parts(
                |snapshot| of_crate(snapshot, name, shipped_of),
                || format!("there is no crate `{name}`"),
            ),
            Measure::CrateFile(name) => self.parts(
                |snapshot| of_crate(snapshot, name, |row| row.file),
                || format!("there is no crate `{name}`"),
            ),
            Measure::Function(_) if self.stripped => {
                Reading::Missing("the file has no symbols".into())
            }
            Measure::Function(pattern) => self.parts(
                |snapshot| functions(snapshot, pattern),
                || format!("no function matches `{}`", pattern.text),
            ),
        }
    }

    /// `reason`, and the way on where one of several images has what was asked for.
    fn of_one_image(&self, reason: &str) -> String {
        match &self.images {
            Some(Images::All(names)) => {
                let names = names.join(", ");
                format!("{reason}; choose one of its images ({names}) with `--arch`")
            }
            Some(Images::One(_)) | None => reason.into(),
        }
    }

    fn parts(
        &self,
        read: impl Fn(&Snapshot) -> Option<u64>,
        missing: impl Fn() -> String,
    ) -> Reading {
        let found = self.snapshot.as_ref().and_then(read);
        found.map_or_else(|| Reading::Missing(missing()), Reading::Bytes)
    }

    /// The functions that match, their bytes and names, or why they are not known.
    pub fn matching(&self, pattern: &Pattern) -> Result<(u64, Vec<String>), String> {
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| !self.stripped) else {
            return Err("the file has no symbols".into());
        };
        let mut names = Vec::new();
        let mut bytes = 0_u64;
        for (name, function) in snapshot.names.iter().zip(&snapshot.functions) {
            if pattern.regex.is_match(name) {
                bytes = bytes.saturating_add(function.size);
                names.push(name.to_owned());
            }
        }
        let aliases = self.aliases.iter();
        names.extend(aliases.filter(|name| pattern.regex.is_match(name)).cloned());
        names.dedup();
        Ok((bytes, names))
    }
}

/// What a baseline says. A snapshot is complete, so what is not in it had no bytes then; figures
/// of the whole that it lacks are unknown.
pub(super) fn of_baseline(baseline: &Snapshot, measure: &Measure) -> Option<u64> {
    let Measures {
        file,
        shipped,
        gzip,
        zstd,
        brotli,
        flash,
        ram,
    } = baseline.measures;
    match measure {
        Measure::File => file,
        Measure::Shipped => shipped,
        Measure::Gzip => gzip,
        Measure::Zstd => zstd,
        Measure::Brotli => brotli,
        Measure::Flash => flash,
        Measure::Ram => ram,
        // Snapshots do not know the chip.
        Measure::Region(_) => None,
        Measure::Section(name) => Some(section(baseline, name).unwrap_or_default()),
        Measure::Crate(name) => Some(of_crate(baseline, name, shipped_of).unwrap_or_default()),
        Measure::CrateFile(name) => {
            Some(of_crate(baseline, name, |row| row.file).unwrap_or_default())
        }
        Measure::Function(pattern) => Some(functions(baseline, pattern).unwrap_or_default()),
    }
}

fn sum(sizes: impl Iterator<Item = u64>) -> Option<u64> {
    sizes.reduce(u64::saturating_add)
}

fn section(snapshot: &Snapshot, name: &str) -> Option<u64> {
    let named = snapshot.sections.iter().filter(|row| row.name == name);
    // A section of zeroes is measured by what it takes in memory.
    sum(named.map(|row| if row.file == 0 { row.memory } else { row.file }))
}

/// What ships of a crate. Older snapshots do not say it, nor do formats of which it is not known:
/// there, it is all but the debug information and the symbols.
fn shipped_of(row: &Crate) -> u64 {
    row.shipped.unwrap_or_else(|| {
        let stripped = row.parts[Category::Debug].saturating_add(row.parts[Category::Symbols]);
        row.file.saturating_sub(stripped)
    })
}

fn of_crate(snapshot: &Snapshot, name: &str, bytes: impl Fn(&Crate) -> u64) -> Option<u64> {
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    let named = snapshot.crates.iter().filter(|row| {
        (row.name == name || row.package.as_deref() == Some(name))
            && version.is_none_or(|version| row.version.as_deref() == Some(version))
    });
    sum(named.map(bytes))
}

fn functions(snapshot: &Snapshot, pattern: &Pattern) -> Option<u64> {
    let named = snapshot.names.iter().zip(&snapshot.functions);
    let named = named.filter(|(name, _)| pattern.regex.is_match(name));
    sum(named.map(|(_, function)| function.size))
}
