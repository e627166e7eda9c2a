//! What one run of the analysis hands to `report`: the file, the rows that were asked for, and what
//! the reader must know about them.

use super::{
    depth, inferred,
    model::{Artifact, Listed},
    open::Opened,
    partition,
    subject::Subject,
};
use codecost::{
    Result,
    image::{Format, MissingPart, Module},
    report::Warning,
    units::{Bytes, counted},
};

/// A finished analysis. `R` is what was asked for, mostly a list of rows.
#[derive(Clone, Debug)]
pub struct Analysis<R> {
    /// The analysed file.
    pub artifact: Artifact,
    /// What all of it adds up to.
    pub total: Total,
    /// The rows.
    pub rows: R,
    /// One for each cause that makes figures less than they seem.
    pub warnings: Vec<Warning>,
}

/// The whole that shares are shares of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of the file with `strip = "symbols"`; `None` where the format gives no way to tell.
    pub shipped: Option<u64>,
    /// Bytes of memory once loaded.
    pub memory: u64,
}

impl<R> Analysis<R> {
    /// Whether next to nothing of the file is named.
    pub fn is_stripped(&self) -> bool {
        let codes = ["stripped", "no-pdb", "inferred-owners"];
        self.warnings
            .iter()
            .any(|warning| codes.contains(&warning.code))
    }

    /// The analysis that found `rows`; `more` warnings are about these rows.
    ///
    /// # Errors
    ///
    /// A file changed while it was read, so the rows may be a mixture.
    pub(super) fn new(
        opened: &Opened,
        subject: &Subject<'_>,
        rows: R,
        more: impl IntoIterator<Item = Warning>,
    ) -> Result<Self> {
        let warnings = of_image(subject, opened.facts.build.is_some());
        Self::with(opened, subject, rows, warnings, more)
    }

    /// As [`new`](Self::new), for rows that of a universal file are of all its images.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(super) fn of_all(
        opened: &Opened,
        subject: &Subject<'_>,
        rows: R,
        more: impl IntoIterator<Item = Warning>,
    ) -> Result<Self> {
        let warnings = self::warnings(opened, subject);
        Self::with(opened, subject, rows, warnings, more)
    }

    fn with(
        opened: &Opened,
        subject: &Subject<'_>,
        rows: R,
        mut warnings: Vec<Warning>,
        more: impl IntoIterator<Item = Warning>,
    ) -> Result<Self> {
        let artifact = artifact(opened, subject);
        let memory = memory(subject);
        let more = more.into_iter();
        let more: Vec<_> = more.filter(|warning| warning.count != Some(0)).collect();
        // One for each cause: what the rows say of it says more.
        warnings.retain(|warning| {
            warning.count != Some(0) && more.iter().all(|other| other.code != warning.code)
        });
        warnings.extend(more);
        opened.files.check_unchanged()?;
        Ok(Self {
            total: Total {
                file: artifact.file_size,
                shipped: artifact.shipped_size,
                memory,
            },
            artifact,
            rows,
            warnings,
        })
    }
}

pub(super) fn artifact(opened: &Opened, subject: &Subject<'_>) -> Artifact {
    let facts = opened.facts.clone();
    Artifact {
        path: opened.files.file.path().to_owned(),
        format: subject.image.format.as_str(),
        architecture: subject.image.architecture.to_string(),
        file_size: opened.files.file.len() as u64,
        shipped_size: subject.image.shipped_size(),
        depth: depth::of(subject),
        package: facts.package,
        target_name: facts.target_name,
        profile: facts.profile,
        build_notes: notes(opened, subject),
        flags: facts.flags,
        packages: listed(opened),
    }
}

/// The list of packages; the compiled ones are known where cargo built the file.
fn listed(opened: &Opened) -> Option<Listed> {
    let list = opened.files.catalogue.listed()?;
    Some(Listed {
        source: list.source(),
        packages: list.packages.clone(),
    })
}

/// What was added to the build, in words. The file is the witness: where it has no symbols although
/// rustc was told to keep them, the linker was told otherwise.
pub(crate) fn notes(opened: &Opened, subject: &Subject<'_>) -> Vec<String> {
    let mut notes = opened.facts.build_notes.clone();
    let is_stripped = subject.image.format == Format::Elf && subject.stripped;
    if is_stripped && let Some(note) = notes.iter_mut().find(|note| note.starts_with("strip=")) {
        note.clear();
        note.push_str("stripped by the linker");
    }
    notes
}

/// What to do about a file that contradicts itself.
const DAMAGED: &str = "compare the file with its source: it may be cut off, or a tool that changed it \
                       left this behind";

/// What makes the figures less than they seem, of all images of a universal file: one warning per cause.
pub(crate) fn warnings(opened: &Opened, subject: &Subject<'_>) -> Vec<Warning> {
    let own = match subject.slices.is_empty() {
        true => of_image(subject, opened.facts.build.is_some()),
        false => {
            let slices = subject.slices.iter();
            slices
                .flat_map(|slice| of_image(&slice.subject, false))
                .collect()
        }
    };
    let mut all: Vec<Warning> = Vec::new();
    for warning in own.into_iter().filter(|warning| warning.count != Some(0)) {
        match all.iter_mut().find(|known| known.code == warning.code) {
            Some(known) if !subject.slices.is_empty() => {
                let counts = known.count.zip(warning.count);
                known.count = counts.map(|(a, b)| a + b).or(known.count);
            }
            Some(_) | None => all.push(warning),
        }
    }
    all
}

/// As [`warnings`], of one image.
fn of_image(subject: &Subject<'_>, is_built: bool) -> Vec<Warning> {
    let mut warnings = depth::warnings(subject, is_built);
    warnings.extend(inferred::warning(subject));
    warnings.push(
        Warning::new("damaged-symbols", "symbol names lie outside their table")
            .help(DAMAGED)
            .count(subject.symbols.damaged_names + subject.dynamic_symbols.damaged_names),
    );
    warnings.push(
        Warning::new(
            "damaged-unwind-tables",
            "unwind tables could not be read to their end",
        )
        .help(DAMAGED)
        // Of a file that was cut off that is said already.
        .count(match subject.image.missing.is_empty() {
            true => subject.unwind.damaged,
            false => 0,
        }),
    );
    let modules = subject.image.modules().iter();
    warnings.push(
        Warning::new(
            "damaged-sections",
            "sections of WebAssembly are damaged, or of a kind that is not known, and are not read \
             to their end",
        )
        .help("compare the file's size with its source's: it may be cut off")
        .count(modules.map(Module::damaged).sum()),
    );
    warnings.extend(cut_off(&subject.image.missing));
    let info = subject.debug.load();
    warnings.push(
        Warning::new(
            "damaged-debug-info",
            "units of the debug information could not be read",
        )
        .help(DAMAGED)
        .count(info.damaged_units() as u64),
    );
    warnings.push(
        Warning::new(
            "split-debug-info",
            "units keep their debug information in another file, which is not read",
        )
        .help("build with `split-debuginfo = \"off\"`")
        .count(info.split_units() as u64),
    );
    if let Some(link) = &subject.unread_shared_debug {
        warnings.push(
            Warning::new(
                "shared-debug-info",
                format!(
                    "parts of the debug information were moved to `{link}`, which is not here or \
                     another build's, so the owners of the rest are unknown"
                ),
            )
            .help("install the file, or pass a debug file that is whole with `--debug-file`"),
        );
    }
    warnings
}

/// The memory of the image; of a universal file of all images, of which one is loaded at a time.
pub(crate) fn memory(subject: &Subject<'_>) -> u64 {
    let slices = subject.slices.iter().map(|slice| &slice.subject.image);
    let rows = slices.chain([&subject.image]).flat_map(partition::rows);
    rows.map(|row| row.memory).fold(0, u64::saturating_add)
}

/// Names of parts that a warning spells out.
const NAMED: usize = 3;

/// What the headers promise and the file no longer holds.
fn cut_off(missing: &[MissingPart]) -> Option<Warning> {
    if let Some(part) = missing.iter().find(|part| part.bytes == 0) {
        let message = format!(
            "the `{}` are damaged, so the file is read by what the loader maps",
            part.name
        );
        return Some(Warning::new("damaged-sections", message).help(DAMAGED));
    }
    let bytes = missing.iter().map(|part| part.bytes);
    let bytes = bytes.fold(0, u64::saturating_add);
    let named = missing.iter().take(NAMED);
    let mut parts: Vec<String> = named.map(|part| format!("`{}`", part.name)).collect();
    match missing.len().checked_sub(NAMED) {
        None if missing.is_empty() => return None,
        None | Some(0) => {}
        Some(more) => parts.push(counted(more as u64, "other part")),
    }
    let message = format!(
        "the file is cut off: {} of {} lie beyond its end, so what only they tell is unknown",
        Bytes(bytes),
        parts.join(", ")
    );
    let help = "fetch or build the file again: it is shorter than its headers say";
    Some(Warning::new("damaged-sections", message).help(help))
}
