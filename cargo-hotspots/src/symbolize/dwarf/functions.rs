//! What a function is called, where it is declared, and in which namespaces.
//!
//! Truth: DWARF 5, sections 3.3.1 and 3.3.8: an inlined or specialised function refers to its
//! description by `DW_AT_abstract_origin` or `DW_AT_specification`, maybe in another unit.
//! Compilers write the linkage name with functions that have code; where there is none, the path
//! is put together from the entries around the description, which takes a pass over its unit.

use super::{
    model::{EntryId, Slice},
    nodes::MAX_ATTRIBUTES,
    paths::path,
    units::{Dwarf, Part},
};
use codecost::demangle::{Name, Scheme};
use gimli::constants as c;
use rayon::prelude::*;
use std::{collections::HashMap, sync::Arc};

/// A chain of references that is longer goes in a circle.
const MAX_ORIGINS: usize = 16;
/// Nothing is declared deeper.
const MAX_SCOPES: usize = 64;

/// A function as it is described.
#[derive(Clone, Debug, Default)]
pub(in crate::symbolize) struct Described {
    /// `DW_AT_linkage_name`.
    pub(in crate::symbolize) linkage: Option<String>,
    /// `DW_AT_name`, below its namespaces where these were needed.
    pub(in crate::symbolize) name: Option<String>,
    /// The outermost namespace, where it was needed: of Rust the crate.
    pub(in crate::symbolize) root: Option<String>,
    /// Where it is declared.
    pub(in crate::symbolize) file: Option<Arc<str>>,
    pub(in crate::symbolize) line: Option<u32>,
    /// The unit with the description.
    pub(in crate::symbolize) unit: u32,
    /// It has a name, which stands in a file that is not here, or cannot be read.
    pub(in crate::symbolize) unreadable: bool,
}

/// The entries around functions, in the order of their offsets.
#[derive(Debug, Default)]
struct Scopes<'s> {
    /// Name, and the scope around it. Names are read when they are needed.
    scopes: Vec<(Option<gimli::AttributeValue<Slice<'s>>>, Option<u32>)>,
    functions: Vec<(usize, Option<u32>)>,
}

/// A description, before its namespaces are known.
#[derive(Default)]
struct Draft {
    described: Described,
    /// Where to look for the namespaces.
    declared: Option<EntryId>,
}

impl<'s> Dwarf<'s> {
    /// Describes functions, in parallel.
    pub(in crate::symbolize) fn describe(&self, places: &[EntryId]) -> HashMap<EntryId, Described> {
        let mut drafts: Vec<(EntryId, Draft)> = places
            .par_iter()
            .with_min_len(64)
            .map(|place| (*place, self.draft(*place)))
            .collect();
        // Only functions without an exact linkage name need namespaces.
        let mut units: Vec<u32> = drafts
            .iter()
            .filter_map(|(_, draft)| draft.declared.map(|place| place.unit))
            .collect();
        units.sort_unstable();
        units.dedup();
        let scopes: HashMap<u32, Scopes<'s>> = units
            .par_iter()
            .map(|unit| {
                let scopes = self.part(*unit).map(Scopes::read).unwrap_or_default();
                (*unit, scopes)
            })
            .collect();
        for (_, draft) in &mut drafts {
            if let Some(place) = draft.declared
                && let Some(scopes) = scopes.get(&place.unit)
            {
                self.name_in(scopes, place, &mut draft.described);
            }
        }
        drafts
            .into_iter()
            .map(|(place, draft)| (place, draft.described))
            .collect()
    }

    fn draft(&self, place: EntryId) -> Draft {
        let mut draft = Draft::default();
        let found = &mut draft.described;
        found.unit = place.unit;
        let (mut next, mut declared) = (Some(place), place);
        for _ in 0..MAX_ORIGINS {
            let Some(place) = next.take() else { break };
            let Some(part) = self.part(place.unit) else {
                break;
            };
            declared = place;
            let (mut file, mut line) = (None, None);
            // What was read before damage counts.
            let _ = part.attributes(place.offset, |attribute| match attribute.name() {
                c::DW_AT_linkage_name | c::DW_AT_MIPS_linkage_name if found.linkage.is_none() => {
                    found.linkage = part.text(attribute.value());
                }
                c::DW_AT_name if found.name.is_none() => {
                    found.name = part.text(attribute.value());
                    found.unreadable |= found.name.is_none();
                }
                c::DW_AT_decl_file => {
                    file = match attribute.value() {
                        gimli::AttributeValue::FileIndex(file) => Some(file),
                        other => other.udata_value(),
                    };
                }
                c::DW_AT_decl_line => {
                    line = attribute
                        .udata_value()
                        .and_then(|line| u32::try_from(line).ok());
                }
                c::DW_AT_abstract_origin | c::DW_AT_specification => {
                    next = part.place(attribute.value());
                    found.unreadable |= next.is_none();
                }
                _ => {}
            });
            if found.file.is_none()
                && let Some(file) = file
            {
                found.file = self.path_of(part, file);
                found.unit = place.unit;
            }
            if found.line.is_none() {
                found.line = line.filter(|line| *line != 0);
            }
            if found.linkage.is_some() && found.name.is_some() && found.file.is_some() {
                break;
            }
        }
        found.unreadable &= found.linkage.is_none() && found.name.is_none();
        let exact = found
            .linkage
            .as_deref()
            .is_some_and(|name| match Name::parse(name) {
                // Names of C are complete.
                name if name.scheme() == Scheme::Legacy => name.defining_is_exact(),
                name => name.scheme() != Scheme::Other,
            });
        draft.declared = (!exact).then_some(declared);
        draft
    }

    fn name_in(&self, scopes: &Scopes<'s>, place: EntryId, described: &mut Described) {
        let (Some(mut scope), Some(part)) = (scopes.around(place.offset), self.part(place.unit))
        else {
            return;
        };
        // Of a name that cannot be read no part is a name.
        if described.unreadable {
            return;
        }
        let mut names = Vec::new();
        while let Some((name, parent)) = scopes.scopes.get(scope as usize)
            && names.len() < MAX_SCOPES
        {
            names.push(match name {
                Some(name) => match part.text(*name) {
                    Some(name) => name,
                    None => return,
                },
                None => "{unnamed}".to_owned(),
            });
            match parent {
                Some(parent) => scope = *parent,
                None => break,
            }
        }
        described.root = names.last().cloned();
        names.reverse();
        names.extend(described.name.take());
        described.name = Some(names.join("::"));
    }

    fn path_of(&self, part: Part<'_, 's>, file: u64) -> Option<Arc<str>> {
        if part.is_split && part.unit.line_program.is_none() {
            return path(&self.main, self.unit(part.number)?, file, &self.budget);
        }
        path(part.dwarf, part.unit, file, &self.budget)
    }
}

impl<'s> Part<'_, 's> {
    /// Hands out the attributes of the entry at `offset`.
    fn attributes(
        &self,
        offset: usize,
        mut take: impl FnMut(&gimli::Attribute<Slice<'s>>),
    ) -> gimli::Result<()> {
        let mut entries = self.unit.entries_raw(Some(gimli::UnitOffset(offset)))?;
        if let Some(abbreviation) = entries.read_abbreviation()? {
            for spec in abbreviation.attributes().iter().take(MAX_ATTRIBUTES) {
                take(&entries.read_attribute(*spec)?);
            }
        }
        Ok(())
    }
}

impl<'s> Scopes<'s> {
    fn read(part: Part<'_, 's>) -> Self {
        let mut found = Self::default();
        // What was read before damage counts.
        let _ = found.walk(part);
        found
    }

    fn walk(&mut self, part: Part<'_, 's>) -> gimli::Result<()> {
        let mut open: Vec<(isize, u32)> = Vec::new();
        let mut entries = part.unit.entries_raw(None)?;
        while !entries.is_empty() {
            let (depth, offset) = (entries.next_depth(), entries.next_offset().0);
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            let specs = abbreviation.attributes();
            if specs.len() > MAX_ATTRIBUTES {
                return Err(gimli::Error::InvalidAbbreviationCode(abbreviation.code()));
            }
            while open.last().is_some_and(|(other, _)| *other >= depth) {
                open.pop();
            }
            let around = open.last().map(|(_, scope)| *scope);
            let is_scope = match abbreviation.tag() {
                c::DW_TAG_subprogram => {
                    self.functions.push((offset, around));
                    false
                }
                c::DW_TAG_namespace
                | c::DW_TAG_structure_type
                | c::DW_TAG_class_type
                | c::DW_TAG_union_type
                | c::DW_TAG_enumeration_type
                | c::DW_TAG_interface_type => abbreviation.has_children(),
                _ => false,
            };
            if !is_scope {
                entries.skip_attributes(specs)?;
                continue;
            }
            let mut name = None;
            for spec in specs {
                let attribute = entries.read_attribute(*spec)?;
                if attribute.name() == c::DW_AT_name {
                    name = Some(attribute.value());
                }
            }
            if let Ok(number) = u32::try_from(self.scopes.len()) {
                self.scopes.push((name, around));
                open.push((depth, number));
            }
        }
        Ok(())
    }

    /// The scope around the function at `offset`.
    fn around(&self, offset: usize) -> Option<u32> {
        let at = self
            .functions
            .binary_search_by_key(&offset, |(offset, _)| *offset)
            .ok()?;
        self.functions.get(at)?.1
    }
}
