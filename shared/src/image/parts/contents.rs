//! What stands in an archive beside its members: its first bytes, the index of symbols, the table of
//! long names, and what aligns members.
//!
//! The forms differ in names only: `/` and `/SYM64/` are System V's and GNU's index, a second `/`
//! Microsoft's, `//` the names; BSD and Apple have `__.SYMDEF` in several spellings, which may be
//! written as a long name (`#1/20`) before the content.

use super::{Image, MEMBER_HEADERS, TableRange, bounds};

/// Bytes of a member's header.
const HEADER: usize = 60;

/// Adds them to the tables of `image`; stops where a header is damaged. Linear in the members.
pub(super) fn tables(image: &mut Image<'_>) {
    let bytes = image.bytes;
    let mut add = |name, at: usize, size: usize| {
        let range = bounds::clip(bytes, at as u64, size as u64);
        image.tables.push(TableRange { name, range });
    };
    add("archive header", 0, 8);
    let thin = bytes.starts_with(b"!<thin>\n");
    let mut at = 8;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.get(..HEADER)) {
        let Some(size) = number(&header[48..58]) else {
            return;
        };
        let name = header[..16].trim_ascii_end();
        let content = at + HEADER;
        let table = table_name(name, bytes.get(content..).unwrap_or_default());
        add(MEMBER_HEADERS, at, HEADER);
        let long = name.strip_prefix(b"#1/").and_then(number);
        match (table, long) {
            (Some(table), _) => add(table, content, size),
            // Part of the header in all but its place.
            (None, Some(length)) => add(MEMBER_HEADERS, content, length.min(size)),
            (None, None) => {}
        }
        // The members of a thin archive are elsewhere, its tables are not.
        let held = if thin && table.is_none() { 0 } else { size };
        let Some(end) = content.checked_add(held) else {
            return;
        };
        // Members start at even places.
        if end % 2 == 1 {
            add(TableRange::PADDING, end, 1);
        }
        at = end + end % 2;
    }
}

/// Which table a member with this name is, if it is one.
fn table_name(name: &[u8], content: &[u8]) -> Option<&'static str> {
    let long = name.strip_prefix(b"#1/").and_then(number);
    let name = match long {
        Some(length) => content.get(..length)?.split(|byte| *byte == 0).next()?,
        None => name,
    };
    match name {
        b"/" | b"/SYM64/" | b"/<ECSYMBOLS>/" | b"/<XFGHASHMAP>/" => Some("symbol index"),
        b"//" | b"ARFILENAMES/" => Some("name table"),
        name if name.starts_with(b"__.SYMDEF") => Some("symbol index"),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}
