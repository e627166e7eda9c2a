//! The members that a thin archive names.
//!
//! A thin archive (`ar rcsT`) holds names and an index of symbols only; its members are files beside
//! it. GNU's `ar` also takes the members of an ordinary archive into it, which stay where they are: such
//! a name is `/0:106`, where `0` is the place of the other archive's name in the name table and `106`
//! the place of the member's header in that archive (binutils, `bfd/archive.c`). The crate `object` reads
//! names without a place only.
//!
//! Linear in the members: of no name more than [`LONGEST`] bytes are looked at.

use std::fmt;

/// What a thin archive begins with.
const MAGIC: &[u8] = b"!<thin>\n";
/// Bytes of a member's header.
const HEADER: usize = 60;
/// No path is longer.
const LONGEST: usize = 4096;

/// A member of a thin archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinMember<'d> {
    /// The path of the file, as seen from the archive's directory.
    pub path: &'d [u8],
    /// Where the member's header is in that file, if that is an archive.
    pub within: Option<u64>,
    /// Bytes of the member.
    pub size: u64,
}

impl fmt::Display for ThinMember<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.path))?;
        match self.within {
            Some(place) => write!(f, ":{place}"),
            None => Ok(()),
        }
    }
}

/// The members of a thin archive, in its order, as far as their headers are whole; `None` for any other
/// file.
pub fn thin_members(bytes: &[u8]) -> Option<impl Iterator<Item = ThinMember<'_>>> {
    bytes.strip_prefix(MAGIC)?;
    let mut at = MAGIC.len();
    let mut names: &[u8] = &[];
    Some(std::iter::from_fn(move || {
        loop {
            let header = bytes.get(at..at.checked_add(HEADER)?)?;
            let size = number(&header[48..58])?;
            let content = at + HEADER;
            let name = header[..16].trim_ascii_end();
            at = content;
            if !matches!(name, b"/" | b"//" | b"/SYM64/") {
                return member(name, names, size);
            }
            let end = content.checked_add(usize::try_from(size).ok()?)?;
            if name == b"//" {
                names = bytes.get(content..end)?;
            }
            // Members start at even places.
            at = end.checked_add(end % 2)?;
        }
    }))
}

fn member<'d>(name: &'d [u8], names: &'d [u8], size: u64) -> Option<ThinMember<'d>> {
    let Some(place) = name.strip_prefix(b"/") else {
        let path = name.strip_suffix(b"/").unwrap_or(name);
        return Some(ThinMember {
            path,
            within: None,
            size,
        });
    };
    let mut parts = place.splitn(2, |byte| *byte == b':');
    let start = usize::try_from(number(parts.next()?)?).ok()?;
    let within = match parts.next() {
        Some(within) => Some(number(within)?),
        None => None,
    };
    let rest = names.get(start..)?;
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let line = rest.split(|byte| *byte == b'\n').next()?;
    Some(ThinMember {
        path: line.strip_suffix(b"/").unwrap_or(line),
        within,
        size,
    })
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header as `ar` writes it.
    fn header(name: &str, size: usize) -> String {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644)
    }

    fn shown(bytes: &[u8]) -> Vec<String> {
        let members = thin_members(bytes).expect("a thin archive");
        members.map(|member| member.to_string()).collect()
    }

    #[test]
    fn members_are_files_or_places_in_other_archives() {
        let table = "sub/norm.a/\na.o/\n\n";
        let mut text = format!("!<thin>\n{}{table}", header("//", table.len()));
        if text.len() % 2 == 1 {
            text.push('\n');
        }
        text += &header("/0:106", 12);
        text += &header("/12", 7);
        text += &header("b.o/", 7);
        assert_eq!(shown(text.as_bytes()), ["sub/norm.a:106", "a.o", "b.o"]);
        // What is cut off ends the list.
        for end in 8..text.len() {
            assert!(shown(&text.as_bytes()[..end]).len() <= 3);
        }
        assert!(thin_members(b"!<arch>\n").is_none());
    }

    #[test]
    fn a_name_outside_of_the_table_ends_the_list() {
        let text = format!("!<thin>\n{}{}", header("/9", 1), header("b.o/", 1));
        assert!(shown(text.as_bytes()).is_empty());
    }
}
