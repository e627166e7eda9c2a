//! Names of the kernel's functions.
//!
//! Truth: `/proc/kallsyms` of the kernel that runs here, where it is the recorded one: it has the
//! recorded build id, or where the recording has none its release, with the symbol that perf writes
//! down as its reference at the same address. The kernel is loaded at another address in each boot;
//! the reference symbol says by how much its functions are moved. Where addresses are hidden
//! (`kernel.kptr_restrict`) there are no names, and the kernel is one row.
//!
//! The kernel writes that list anew for each reader, which takes longer than all the rest of a view;
//! `perf record` has kept a copy. In it the functions of the kernel itself are as good as in the list,
//! wherever the kernel was loaded when it was made; those of modules are not.

use crate::{
    perf_data::kept_kallsyms,
    profile::{Kernel, RuntimeAddress},
};
use std::{fs, io::Read, path::Path};

/// More than any kernel has.
const MOST: u64 = 64 * 1024 * 1024;
/// Most kernels have less.
const COMMON: usize = 16 * 1024 * 1024;
/// Nothing that is further after a symbol belongs to it.
const LONGEST: u64 = 1 << 20;

/// The functions, by address.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Address, and where in `text` the name is.
    list: Vec<(u64, u32, u32)>,
    /// How far the recorded kernel's addresses are above those here, wrapping.
    moved: u64,
}

impl Names {
    /// Those of the recorded kernel, where it is the one that runs here; at least those at the
    /// addresses that are `asked` for.
    pub(super) fn read(kernel: &Kernel, asked: &[RuntimeAddress]) -> Self {
        Self::same_kernel(kernel, asked).unwrap_or_default()
    }

    fn same_kernel(kernel: &Kernel, asked: &[RuntimeAddress]) -> Option<Self> {
        let reference = kernel.reference.as_ref()?;
        let notes = fs::read("/sys/kernel/notes").unwrap_or_default();
        let same_build = match &kernel.build_id {
            Some(recorded) => Some(recorded.as_slice() == build_id(&notes)?),
            None => None,
        };
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let same_release = kernel.release.as_deref() == Some(release.trim());
        if same_build == Some(false) || same_build.is_none() && !same_release {
            return None;
        }
        let copy = kernel.build_id.as_deref().and_then(kept_kallsyms);
        let copy = copy.and_then(|path| Self::of_list(&path, reference));
        if let Some(copy) = copy.filter(|copy| copy.has_in_itself(asked)) {
            return Some(copy);
        }
        let names = Self::of_list(Path::new("/proc/kallsyms"), reference)?;
        // Without a build id only an address that is the same says that the kernel is.
        (same_build.is_some() || names.moved == 0).then_some(names)
    }

    fn of_list(path: &Path, reference: &(String, RuntimeAddress)) -> Option<Self> {
        // Copied each time that it grows, unless there is room at once.
        let mut text = String::with_capacity(COMMON);
        let file = fs::File::open(path).ok()?;
        file.take(MOST).read_to_string(&mut text).ok()?;
        let mut names = Self::parse(text);
        let here = names.address_of(&reference.0)?;
        names.moved = reference.1.0.wrapping_sub(here);
        Some(names)
    }

    /// Whether all these addresses are in the kernel's own code, where no module is loaded.
    fn has_in_itself(&self, asked: &[RuntimeAddress]) -> bool {
        let bounds = self.address_of("_stext").zip(self.address_of("_etext"));
        let is_in = |(start, end): (u64, u64)| {
            let mut asked = asked.iter().map(|asked| asked.0.wrapping_sub(self.moved));
            asked.all(|address| (start..end).contains(&address))
        };
        bounds.is_some_and(is_in)
    }

    /// Reads lines of `ffffffff81000000 T _stext`, functions only.
    fn parse(text: String) -> Self {
        let mut list = Vec::new();
        let mut start = 0_usize;
        for line in text.split_inclusive('\n') {
            list.extend(function(line).and_then(|(address, from, len)| {
                let from = u32::try_from(start + from).ok()?;
                Some((address, from, u32::try_from(len).ok()?))
            }));
            start += line.len();
        }
        list.sort_by_key(|(address, ..)| *address);
        Self {
            text,
            list,
            moved: 0,
        }
    }

    fn name(&self, (_, from, len): (u64, u32, u32)) -> Option<&str> {
        let (from, len) = (from as usize, len as usize);
        self.text.get(from..from + len)
    }

    fn address_of(&self, name: &str) -> Option<u64> {
        let mut list = self.list.iter();
        list.find(|entry| self.name(**entry) == Some(name))
            .map(|(address, ..)| *address)
    }

    /// The function at an address; of several at one address the first.
    pub(super) fn at(&self, address: RuntimeAddress) -> Option<&str> {
        let address = address.0.wrapping_sub(self.moved);
        let after = self.list.partition_point(|(start, ..)| *start <= address);
        let start = self.list.get(after.checked_sub(1)?)?.0;
        if address - start > LONGEST {
            return None;
        }
        let first = self.list.partition_point(|(other, ..)| *other < start);
        self.name(*self.list.get(first)?)
    }
}

/// The address of a line's function, and where its name is in the line. There are some hundred thousand
/// lines: nothing is looked for twice.
fn function(line: &str) -> Option<(u64, usize, usize)> {
    let (address, rest) = line.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    if !matches!(kind, "t" | "T" | "w" | "W") {
        return None;
    }
    let end = rest.find(['\t', '\n', ' ']).unwrap_or(rest.len());
    let address = u64::from_str_radix(address, 16).ok()?;
    (address != 0 && end > 0).then_some((address, line.len() - rest.len(), end))
}

/// The build id among notes: `n_namesz`, `n_descsz`, `n_type`, name and description, each padded to
/// four bytes. Of the kernel of this machine, so in its own byte order.
fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    loop {
        let (header, rest) = notes.split_first_chunk::<12>()?;
        let word = |at: usize| {
            let bytes = header.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (name, description, kind) = (word(0)?, word(4)?, word(8)?);
        let padded = |size: u32| usize::try_from(size.checked_next_multiple_of(4)?).ok();
        let (name_end, size) = (padded(name)?, usize::try_from(description).ok()?);
        let found = rest.get(name_end..name_end.checked_add(size)?)?;
        if kind == BUILD_ID && rest.starts_with(b"GNU\0") {
            return Some(found);
        }
        notes = rest.get(name_end.checked_add(padded(description)?)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_by_address_wherever_the_kernel_was_loaded() {
        let mut names = Names::parse(
            "ffffffff81000000 T first\nffffffff81000000 T _text\nffffffff81000010 D data\n\
             ffffffff81000020 t inner\nbad\nffffffffc0000000 t of_module\t[ext4]\n"
                .into(),
        );
        let at = |names: &Names, address| names.at(RuntimeAddress(address)).map(str::to_owned);
        assert_eq!(at(&names, 0xffff_ffff_8100_001f).as_deref(), Some("first"));
        assert_eq!(at(&names, 0xffff_ffff_8100_0021).as_deref(), Some("inner"));
        assert_eq!(
            at(&names, 0xffff_ffff_c000_0001).as_deref(),
            Some("of_module")
        );
        assert_eq!(at(&names, 0xffff_ffff_9000_0000), None);
        assert_eq!(at(&names, 0), None);
        names.moved = 0x100_0000;
        assert_eq!(at(&names, 0xffff_ffff_8200_0021).as_deref(), Some("inner"));
        // Hidden addresses are zero.
        assert_eq!(Names::parse("0000000000000000 T _text\n".into()).list, []);
    }

    #[test]
    fn a_copy_answers_for_the_kernel_itself() {
        let mut names = Names::parse(
            "0000000000001000 A fixed\nffffffff81000000 T _stext\nffffffff81000020 t inner\n\
             ffffffff82000000 T _etext\nffffffffc0000000 t of_module\t[ext4]\n"
                .into(),
        );
        let has = |names: &Names, asked: &[u64]| {
            let asked: Vec<_> = asked.iter().copied().map(RuntimeAddress).collect();
            names.has_in_itself(&asked)
        };
        assert!(has(&names, &[]));
        assert!(has(&names, &[0xffff_ffff_8100_0000, 0xffff_ffff_81ff_ffff]));
        assert!(!has(
            &names,
            &[0xffff_ffff_8100_0000, 0xffff_ffff_8200_0000]
        ));
        assert!(!has(&names, &[0xffff_ffff_c000_0001]));
        names.moved = 0x1000;
        assert!(!has(&names, &[0xffff_ffff_8100_0000]));
        assert!(has(&names, &[0xffff_ffff_8200_0000]));
        assert!(!has(&Names::default(), &[]));
    }

    #[test]
    fn the_build_id_is_one_of_several_notes() {
        let mut notes = Vec::new();
        for (kind, name, description) in [(1, b"Xen\0", &b"ab"[..]), (3, b"GNU\0", b"\x12\x34")] {
            for word in [4, description.len() as u32, kind] {
                notes.extend(u32::to_ne_bytes(word));
            }
            notes.extend(name);
            notes.extend(description);
            notes.extend([0, 0]);
        }
        assert_eq!(build_id(&notes), Some(&b"\x12\x34"[..]));
        assert_eq!(build_id(&notes[..20]), None);
        assert_eq!(build_id(&[0xff; 64]), None);
    }
}
