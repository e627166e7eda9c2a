//! Firmware: how full each region of the chip's memory is.
//!
//! Programs for chips without an operating system are linked by a script that lists the memory
//! (`MEMORY { FLASH : ORIGIN = …, LENGTH = … }`), mostly in a file `memory.x` that every crate has for
//! its chip. A section takes room where it runs, and one with content that runs elsewhere than it is
//! stored (`.data`) also where it is stored. A region is full up to the end of the last one: that is what
//! a linker's `--print-memory-usage` says.

mod script;

use super::{model::RegionUse, open::Opened};
use codecost::image::{Format, Image};
use script::Region;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The regions, and the file that lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// The script; `None` where none was found that fits the program.
    pub script: Option<PathBuf>,
    /// Its regions.
    pub regions: Vec<RegionUse>,
}

/// A linker script is no longer than this.
const MAX_SCRIPT: u64 = 1 << 20;

/// So many outputs of build scripts are looked through.
const MAX_OUTPUTS: usize = 4096;

/// The regions of the program that was opened.
pub fn of(opened: &Opened, image: &Image<'_>) -> Regions {
    let file = opened.files.file.path();
    let mut places = Vec::new();
    if let Some(build) = &opened.facts.build {
        let target = opened
            .facts
            .target
            .as_ref()
            .map(|target| &target.package_id);
        let own = build.crates.iter();
        let own = own.filter(|one| Some(&one.package_id) == target);
        places.extend(own.map(|one| one.root.clone()));
        places.push(build.workspace_root.clone());
        places.extend(build.scripts.iter().map(|script| script.out_dir.clone()));
    }
    places.extend(around(file));
    found(image, &places)
}

/// The regions of a file that nothing is known of but its path.
pub fn beside(path: &Path, image: &Image<'_>) -> Regions {
    found(image, &around(path))
}

/// How many regions a linker script lists; for fuzzing.
pub fn listed(script: &[u8]) -> usize {
    script::regions(&String::from_utf8_lossy(script)).len()
}

/// Where the script of a file may be: beside it, in the outputs of build scripts beside it, and in the
/// directories above it up to the first manifest.
fn around(file: &Path) -> Vec<PathBuf> {
    let Some(directory) = file.parent() else {
        return Vec::new();
    };
    let mut places = vec![directory.to_path_buf()];
    for profile in [Some(directory), directory.parent()].into_iter().flatten() {
        let outputs = fs::read_dir(profile.join("build")).into_iter().flatten();
        let outputs = outputs.take(MAX_OUTPUTS).flatten();
        let mut outputs: Vec<PathBuf> = outputs.map(|entry| entry.path().join("out")).collect();
        outputs.sort();
        places.extend(outputs);
    }
    let absolute = std::path::absolute(directory);
    let absolute = absolute.unwrap_or_else(|_| directory.to_path_buf());
    for above in absolute.ancestors() {
        places.push(above.to_path_buf());
        if above.join("Cargo.toml").is_file() {
            break;
        }
    }
    places
}

/// Of the scripts at these places the first with a region for all that the program takes.
fn found(image: &Image<'_>, places: &[PathBuf]) -> Regions {
    let takes = takes(image);
    if takes.is_empty() {
        return Regions::default();
    }
    for place in places {
        let path = place.join("memory.x");
        let small = fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= MAX_SCRIPT);
        let text = small.then(|| fs::read(&path).ok()).flatten();
        let Some(text) = text else { continue };
        let regions = script::regions(&String::from_utf8_lossy(&text));
        let regions = filled(&regions, &takes);
        // Another chip's or another program's would leave something outside.
        if let Some(regions) = regions {
            let script = Some(path);
            return Regions { script, regions };
        }
    }
    Regions::default()
}

/// The addresses that a program takes, as (first, behind the last), sorted; empty for what runs on an
/// operating system.
fn takes(image: &Image<'_>) -> Vec<(u64, u64)> {
    let bare = image.format == Format::Elf && !image.position_independent;
    if !bare
        || image
            .segments
            .iter()
            .any(|segment| segment.name == "INTERP")
    {
        return Vec::new();
    }
    let loads = image.load_addresses();
    let mut takes = Vec::new();
    for section in image.sections.iter().filter(|section| section.loaded) {
        let (start, size) = (section.address.0, section.memory);
        if section.kind.is_tls_bss() {
            continue;
        }
        takes.push((start, start.saturating_add(size)));
        let stored = loads.iter().find(|load| load.run.contains(section.address));
        if let (Some(load), false) = (stored, section.file.is_empty()) {
            let at = load.stored.0.wrapping_add(start - load.run.start.0);
            if at != start {
                takes.push((at, at.saturating_add(section.file.size)));
            }
        }
    }
    takes.sort_unstable();
    takes
}

/// How much of each region is taken; `None` where something is in no region.
fn filled(regions: &[Region], takes: &[(u64, u64)]) -> Option<Vec<RegionUse>> {
    let mut filled: Vec<RegionUse> = regions
        .iter()
        .map(|region| RegionUse {
            name: region.name.clone(),
            origin: region.origin,
            length: region.length,
            used: 0,
        })
        .collect();
    for (start, end) in takes {
        let place = filled
            .iter()
            .position(|region| *start >= region.origin && *start - region.origin < region.length);
        match place.and_then(|place| filled.get_mut(place)) {
            Some(region) => region.used = region.used.max(end.saturating_sub(region.origin)),
            // Where nothing is, nothing needs a place.
            None if start == end => {}
            None => return None,
        }
    }
    (!filled.is_empty()).then_some(filled)
}
