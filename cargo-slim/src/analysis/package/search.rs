//! Which of the files of a package is the one to analyse.

use super::limit::Limit;
use codecost::{attribution::PackageList, image::pdb::Pdb};
use std::io::{self, Read};

/// The first bytes of a file, by which formats are told: where a Windows program has its second header.
const HEAD: u64 = 4096;

/// More native files than this are not looked at; no choice between so many is one.
const MAX_FILES: usize = 1 << 16;

/// More documents are not kept: a package has one for itself and some for the C libraries in it.
const MAX_DOCUMENTS: usize = 8;

/// A search for native files.
#[derive(Debug)]
pub(super) struct Search<'w> {
    /// The name that was asked for.
    pub(super) wanted: Option<&'w str>,
    /// What a file is called that was compressed alone, without a name.
    pub(super) alone: String,
    /// The names of all native files.
    pub(super) natives: Vec<String>,
    /// The content of the first that was meant.
    pub(super) found: Option<(String, Vec<u8>)>,
    /// Documents that may say what the files are made from.
    pub(super) documents: Vec<(String, Vec<u8>)>,
    /// How many were meant.
    pub(super) matches: usize,
    /// What the decompressors may give.
    pub(super) packed: Limit,
    /// What the files may hold; sparse ones hold more than was packed.
    content: Limit,
}

impl<'w> Search<'w> {
    /// In a package of `size` bytes.
    pub(super) fn new(wanted: Option<&'w str>, size: u64) -> Self {
        Self {
            wanted,
            alone: String::from("content"),
            natives: Vec::new(),
            found: None,
            documents: Vec::new(),
            matches: 0,
            packed: Limit::new(size),
            content: Limit::new(size),
        }
    }

    /// How much was unpacked so far.
    pub(super) fn unpacked(&self) -> u64 {
        self.packed.used().max(self.content.used())
    }

    /// Looks at one file.
    pub(super) fn offer(&mut self, name: &str, content: impl Read) -> io::Result<()> {
        let mut content = self.content.reader(content);
        let mut bytes = Vec::new();
        Read::by_ref(&mut content)
            .take(HEAD)
            .read_to_end(&mut bytes)?;
        if let Some(largest) = PackageList::may_be_document(name)
            && self.documents.len() < MAX_DOCUMENTS
        {
            let rest = largest.saturating_sub(bytes.len() as u64);
            content.take(rest).read_to_end(&mut bytes)?;
            self.documents.push((name.to_owned(), bytes));
            return Ok(());
        }
        // Beside a program its debug information is no second choice.
        let asked = |wanted| is_called(name, wanted) && Pdb::is_pdb(&bytes);
        let is_meant = is_native(name, &bytes) || self.wanted.is_some_and(asked);
        if !is_meant || self.natives.len() >= MAX_FILES {
            return Ok(());
        }
        self.natives.push(name.to_owned());
        let exact = self.wanted == Some(name);
        let meant = match self.wanted {
            Some(wanted) => is_called(name, wanted),
            None => self.natives.len() == 1,
        };
        if exact {
            // Others only end so.
            self.matches = 0;
            self.found = None;
        } else if let (Some((known, _)), Some(wanted)) = (&self.found, self.wanted)
            && known == wanted
        {
            return Ok(());
        }
        if !meant {
            return Ok(());
        }
        self.matches += 1;
        if self.found.is_none() {
            content.read_to_end(&mut bytes)?;
            self.found = Some((name.to_owned(), bytes));
        }
        Ok(())
    }
}

/// Whether a path is the one that was asked for, in full or from some directory on.
pub(super) fn is_called(path: &str, wanted: &str) -> bool {
    let rest = path.strip_suffix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// Whether this is how an executable, a library or an object file begins.
pub(super) fn is_native(name: &str, head: &[u8]) -> bool {
    use object::FileKind::{
        Archive, Coff, CoffBig, Elf32, Elf64, MachO32, MachO64, MachOFat32, MachOFat64, Pe32, Pe64,
    };
    match object::FileKind::parse(head) {
        // Java's classes begin alike; in the place of their version there is the number of images.
        Ok(MachOFat32 | MachOFat64) => matches!(head.get(4..8), Some([0, 0, 0, 1..40])),
        Ok(Elf32 | Elf64 | MachO32 | MachO64 | Pe32 | Pe64 | Archive) => true,
        _ if head.starts_with(b"\0asm") => true,
        // Two bytes are a weak sign.
        Ok(Coff | CoffBig) => name.ends_with(".o") || name.ends_with(".obj"),
        _ => false,
    }
}
