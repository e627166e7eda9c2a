//! A universal file: what each of its images has, added up.

use super::{Rows, key, merged, of_image, of_row};
use crate::{
    analysis::{self, Subject},
    snapshot::{
        model::{Crate, Function},
        names::Names,
    },
};

/// The rows of all images, and what is between the images. `section_of`: the number in the snapshot of
/// each section of the file, which are its images.
pub(super) fn rows(subject: &mut Subject<'_>, section_of: &[u32]) -> Rows {
    let ships = subject.image.shipped_size().is_some();
    let between = analysis::between_images(&subject.image);
    let between: Vec<Crate> = between.map(|row| of_row(&row, ships)).collect();
    let sections = subject.image.sections.iter().zip(section_of);
    let numbers: Vec<(String, u32)> = sections
        .map(|(section, number)| (section.name.to_string(), *number))
        .collect();
    let images = subject.slices.iter_mut().map(|slice| {
        let mut named = numbers.iter().filter(|(name, _)| *name == slice.name);
        let number = named.next().map_or(0, |(_, number)| *number);
        let of = vec![number; slice.subject.image.sections.len()];
        of_image(&mut slice.subject, &of)
    });
    let images: Vec<Rows> = images.collect();
    added_up(&images, between)
}

fn added_up(images: &[Rows], between: Vec<Crate>) -> Rows {
    let of_images = images.iter().flat_map(|image| &image.crates).cloned();
    let crates = merged(of_images.chain(between));
    let mut families: Vec<&str> = images.iter().flat_map(|it| it.families.iter()).collect();
    families.sort_unstable();
    families.dedup();
    let mut functions: Vec<(&str, Function)> = Vec::new();
    for image in images {
        let owners = image.crates.iter();
        let owners =
            owners.map(|own| place(crates.binary_search_by(|row| key(row).cmp(&key(own)))));
        let owners: Vec<Option<u32>> = owners.collect();
        let owner = |index: u32| *owners.get(index as usize)?;
        let family = |index: u32| {
            let name = image.families.get(index as usize);
            place(families.binary_search(&name))
        };
        for (name, function) in image.names.iter().zip(&image.functions) {
            let Some(own) = owner(function.owner) else {
                continue;
            };
            let function = Function {
                owner: own,
                by: function.by.and_then(owner),
                family: function.family.and_then(family),
                ..*function
            };
            functions.push((name, function));
        }
    }
    functions.sort_unstable();
    Rows {
        crates,
        families: families.into_iter().collect(),
        names: functions.iter().map(|(name, _)| *name).collect::<Names>(),
        functions: functions
            .into_iter()
            .map(|(_, function)| function)
            .collect(),
    }
}

fn place(found: Result<usize, usize>) -> Option<u32> {
    u32::try_from(found.ok()?).ok()
}
