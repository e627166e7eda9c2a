//! Split debug information: `.dwo` files beside the objects, or packed in one `.dwp`.
//!
//! Truth: DWARF 5, sections 7.3.2 to 7.3.5, and for DWARF 4 GNU's extension. The program keeps a
//! skeleton unit with addresses, line program and the name and id of the rest. A file whose unit
//! has another id is of another build and refused.

use super::{
    model::Slice,
    units::{Dwarf, Split},
};
use crate::symbolize::files::{Sections, packages};
use codecost::image::{
    Image, Mapping,
    debug_info::{DebugSection, UnitKind},
};
use rayon::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Units of a `.dwo` file among which the right one is looked for.
const MAX_UNITS: usize = 256;

/// Where the files stay that turn out to be needed: the caller's, so that they live long enough.
#[derive(Clone, Copy)]
pub(in crate::symbolize) struct Store<'m, 's> {
    pub(in crate::symbolize) files: &'m OnceLock<Vec<Mapping>>,
    pub(in crate::symbolize) sections: &'s OnceLock<Vec<Sections<'m>>>,
}

/// A unit whose rest is elsewhere.
struct Skeleton {
    unit: u32,
    id: gimli::DwoId,
    paths: Vec<PathBuf>,
}

impl<'s> Dwarf<'s> {
    /// Opens what the skeletons among `units` refer to.
    pub(super) fn load_split<'m>(
        &mut self,
        units: &[u32],
        programs: &[PathBuf],
        store: Store<'m, 's>,
    ) {
        let skeletons = self.skeletons(units, programs);
        if skeletons.is_empty() {
            return;
        }
        let files = store.files.get_or_init(|| open(&skeletons, programs));
        let sections = store.sections.get_or_init(|| {
            files
                .par_iter()
                .map(|file| {
                    Image::parse(file.path(), file)
                        .map(|image| Sections::of(&image))
                        .unwrap_or_default()
                })
                .collect()
        });
        for file in files {
            self.budget.extend(file.len());
        }
        let packages: Vec<_> = sections.iter().filter_map(Sections::package).collect();
        let main = &self.main;
        let found: Vec<(u32, Split<'s>)> = skeletons
            .par_iter()
            .filter_map(|skeleton| {
                let packed = packages
                    .iter()
                    .find_map(|package| package.find_cu(skeleton.id, main).ok().flatten());
                let (dwarf, mut unit) = match packed {
                    Some(dwarf) => with_unit(dwarf, skeleton.id)?,
                    None => {
                        let at = files.iter().position(|file| {
                            skeleton.paths.iter().any(|path| path == file.path())
                        })?;
                        let mut dwarf = sections.get(at)?.split();
                        dwarf.make_dwo(main);
                        with_unit(dwarf, skeleton.id)?
                    }
                };
                unit.copy_relocated_attributes(self.unit(skeleton.unit)?);
                Some((skeleton.unit, Split { dwarf, unit }))
            })
            .collect();
        self.split.extend(found);
    }

    fn skeletons(&self, units: &[u32], programs: &[PathBuf]) -> Vec<Skeleton> {
        let text = |bytes: Option<&[u8]>| {
            bytes.map(|bytes| PathBuf::from(String::from_utf8_lossy(bytes).into_owned()))
        };
        let wanted = units.iter().filter_map(|number| {
            let entry = self.info.units().get(*number as usize)?;
            if entry.kind != UnitKind::Skeleton || entry.section != DebugSection::Info {
                return None;
            }
            let id = self.unit(*number)?.dwo_id?;
            let name = text(entry.dwo_name)?;
            let directory = text(entry.comp_dir).unwrap_or_default();
            let mut paths = vec![directory.join(&name)];
            // Builds move: the file may be where the program is.
            for program in programs {
                let beside = program.parent().unwrap_or(Path::new(""));
                paths.push(beside.join(&name));
                if let Some(file) = name.file_name() {
                    paths.push(beside.join(file));
                    paths.push(beside.join("deps").join(file));
                }
            }
            Some(Skeleton {
                unit: *number,
                id,
                paths,
            })
        });
        wanted.collect()
    }
}

/// Packages beside the programs, and the `.dwo` files of what they do not hold.
fn open(skeletons: &[Skeleton], programs: &[PathBuf]) -> Vec<Mapping> {
    let mut paths: Vec<PathBuf> = programs.iter().flat_map(|path| packages(path)).collect();
    let mut seen: Vec<PathBuf> = Vec::new();
    paths.retain(|path| {
        let new = !seen.contains(path);
        seen.push(path.clone());
        new
    });
    let mut files: Vec<Mapping> = paths
        .iter()
        .filter_map(|path| Mapping::open(path).ok())
        .collect();
    let mut held = vec![false; skeletons.len()];
    for file in &files {
        let Ok(image) = Image::parse(file.path(), file) else {
            continue;
        };
        let sections = Sections::of(&image);
        if let Some(package) = sections.package() {
            for (held, skeleton) in held.iter_mut().zip(skeletons) {
                *held |= package.cu_index.find(skeleton.id.0).is_some();
            }
        }
    }
    let missing = held.iter().zip(skeletons).filter(|(held, _)| !**held);
    for (_, skeleton) in missing {
        let known = |path: &&PathBuf| files.iter().any(|file| file.path() == path.as_path());
        if skeleton.paths.iter().any(|path| known(&path)) {
            continue;
        }
        files.extend(
            skeleton
                .paths
                .iter()
                .find_map(|path| Mapping::open(path).ok()),
        );
    }
    files
}

/// The unit with this id.
fn with_unit<'s>(
    dwarf: gimli::Dwarf<Slice<'s>>,
    id: gimli::DwoId,
) -> Option<(gimli::Dwarf<Slice<'s>>, gimli::Unit<Slice<'s>>)> {
    let mut headers = dwarf.units();
    for _ in 0..MAX_UNITS {
        let header = headers.next().ok()??;
        if let Ok(unit) = dwarf.unit(header)
            && unit.dwo_id == Some(id)
        {
            return Some((dwarf, unit));
        }
    }
    None
}
