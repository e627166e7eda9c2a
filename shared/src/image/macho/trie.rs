//! The export trie: the names that the loader can look up, with their addresses.
//!
//! Nodes hold a part of a name on each edge. A hostile file makes edges that lead back, so each node
//! is visited once.

use super::{
    super::{
        Image, SectionKind,
        fields::{Fields, uleb},
        symbol::{Binding, Symbol, SymbolKind},
    },
    Commands,
    commands::Part,
    range,
};
use crate::{address::VirtualAddress, hashing::NumberMap};
use std::borrow::Cow;

/// Names together may be so many times as long as the trie that they share.
const MAX_SPELLING: usize = 64;

/// And what is exported so many times.
const MAX_NAMES: usize = 16;

/// What the image exports of its own, in the order of names.
pub(crate) fn exports(image: &Image<'_>, commands: &Commands) -> Vec<Symbol<'static>> {
    let Some((offset, size)) = commands.part(Part::ExportTrie) else {
        return Vec::new();
    };
    let bytes = image.bytes_in(range(image, offset, size));
    let text = image.segments.iter().find(|one| one.name == "__TEXT");
    let base = text.map_or(0, |text| text.address.0);
    let mut found = Vec::new();
    let mut names = bytes.len().saturating_mul(MAX_NAMES);
    let mut spelling = bytes.len().saturating_mul(MAX_SPELLING);
    let mut seen: NumberMap<u64, ()> = NumberMap::default();
    let mut open: Vec<(u64, Vec<u8>)> = vec![(0, Vec::new())];
    while let Some((node, name)) = open.pop() {
        if seen.insert(node, ()).is_some() {
            continue;
        }
        let Some((exported, edges)) = read(bytes, node) else {
            continue;
        };
        if let Some(offset) = exported {
            let Some(left) = names.checked_sub(name.len()) else {
                break;
            };
            names = left;
            found.extend(symbol(image, &name, base, base.wrapping_add(offset)));
        }
        for (part, child) in edges.into_iter().rev() {
            let whole = [&name[..], part].concat();
            let Some(left) = spelling.checked_sub(whole.len()) else {
                return found;
            };
            spelling = left;
            open.push((child, whole));
        }
    }
    found
}

type Edges<'d> = Vec<(&'d [u8], u64)>;

/// A node: the offset of what ends there, if it is in this image, and the edges.
fn read(bytes: &[u8], node: u64) -> Option<(Option<u64>, Edges<'_>)> {
    let mut at = usize::try_from(node).ok()?;
    let size = usize::try_from(uleb(bytes, &mut at)?).ok()?;
    let after = at.checked_add(size)?;
    let exported = || {
        let mut at = at;
        let flags = uleb(bytes, &mut at)?;
        // EXPORT_SYMBOL_FLAGS_REEXPORT; an absolute symbol (kind 2) has no place either.
        (flags & 0x08 == 0 && flags & 3 != 2).then(|| uleb(bytes, &mut at))?
    };
    let exported = if size > 0 { exported() } else { None };
    let count = *bytes.get(after)?;
    let mut at = after + 1;
    let fields = Fields::little(bytes);
    let mut edges = Vec::with_capacity(count.into());
    for _ in 0..count {
        let part = fields.terminated(at as u64)?;
        at += part.len() + 1;
        edges.push((part, uleb(bytes, &mut at)?));
    }
    Some((exported, edges))
}

/// What is in a section, and the image's header, which programs export and no section holds.
fn symbol(image: &Image<'_>, name: &[u8], base: u64, address: u64) -> Option<Symbol<'static>> {
    let is_header = address == base;
    let address = VirtualAddress(address);
    let place = image.section_at(address);
    if place.is_none() && !is_header {
        return None;
    }
    let name = name.strip_prefix(b"_").unwrap_or(name);
    Some(Symbol {
        name: Cow::Owned(String::from_utf8_lossy(name).into_owned()),
        name_offset: 0,
        index: Symbol::OUTSIDE,
        address,
        size: 0,
        section: place.map(|(section, _)| section),
        kind: match place.map(|(_, of)| of.kind) {
            Some(SectionKind::Code) => SymbolKind::Function,
            _ => SymbolKind::Object,
        },
        binding: Binding::Global,
        file: None,
    })
}
