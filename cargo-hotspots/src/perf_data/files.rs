//! The files that code ran in, and their segments.
//!
//! A file is opened when the first address in it is asked for, once for all processes.

use super::{
    module_file::{Entry, Identity, OpenFile, Recorded, State},
    options::Options,
    process::AddressSpace,
    roots, search,
};
use crate::profile::{Module, ModuleId, ModuleKind, ModuleProblem, Place, RuntimeAddress};
use codecost::{
    address::{FileOffset, VirtualAddress},
    image::Image,
};
use std::{collections::HashMap, sync::Arc};

/// What the kernel calls files that are in memory only.
const MEMORY: &[u8] = b"/memfd:";

/// What stands for callers that are missing.
const MISSING: &str = "[callers missing]";

/// All modules of a recording.
pub(super) struct Files<'o> {
    options: &'o Options<'o>,
    recorded: Recorded,
    by_key: HashMap<Key, ModuleId>,
    entries: Vec<Entry>,
}

/// What tells modules apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: Vec<u8>,
    identity: Identity,
}

/// Modules that are no file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub(super) kernel: ModuleId,
    pub(super) unknown: ModuleId,
    pub(super) jit: ModuleId,
    /// What stands for callers that are missing.
    pub(super) missing: ModuleId,
}

impl<'o> Files<'o> {
    pub(super) fn new(options: &'o Options<'o>, recorded: Recorded) -> (Self, Special) {
        let mut files = Self {
            options,
            recorded,
            by_key: HashMap::new(),
            entries: Vec::new(),
        };
        let special = Special {
            kernel: files.add_special("[kernel]", ModuleKind::Kernel),
            unknown: files.add_special("[unknown]", ModuleKind::Unknown),
            jit: files.add_special("[jit]", ModuleKind::Jit),
            missing: files.add_special(MISSING, ModuleKind::Missing),
        };
        (files, special)
    }

    fn add_special(&mut self, name: &str, kind: ModuleKind) -> ModuleId {
        self.entries.push(Entry {
            name: name.into(),
            path: Vec::new(),
            kind,
            identity: Identity::Unknown,
            build_id: None,
            mapped_to: FileOffset(0),
            state: State::Problem(None),
        });
        ModuleId(self.entries.len() as u32 - 1)
    }

    /// The module of a mapping of `size` bytes from `offset` on.
    pub(super) fn module(
        &mut self,
        path: &[u8],
        identity: Identity,
        offset: FileOffset,
        size: u64,
        special: &Special,
    ) -> ModuleId {
        let mut kind = kind_of(path);
        if kind == ModuleKind::Jit {
            // A program can run from memory, as a file with a build id, which other code there has not.
            let is_file = path.starts_with(MEMORY)
                && (matches!(&identity, Identity::BuildId(id) if !id.is_empty())
                    || self
                        .options
                        .copies_of(&search::path_of(path))
                        .next()
                        .is_some());
            if !is_file {
                return special.jit;
            }
            kind = ModuleKind::File;
        }
        let (any, generation) = identity.of_any();
        let key = Key {
            name: path.to_vec(),
            identity,
        };
        let any = Key {
            name: path.to_vec(),
            identity: any,
        };
        let end = FileOffset(offset.0.saturating_add(size));
        if let Some(id) = self.known(&key, &any, generation) {
            if let Some(entry) = self.entries.get_mut(id.0 as usize) {
                entry.mapped_to = entry.mapped_to.max(end);
            }
            return id;
        }
        let build_id = match &key.identity {
            Identity::BuildId(id) if !id.is_empty() => Some(id.clone()),
            _ => self.recorded.build_ids.get(path).cloned(),
        };
        self.entries.push(Entry {
            name: String::from_utf8_lossy(path).into_owned(),
            path: path.to_vec(),
            kind,
            identity: key.identity.clone(),
            build_id,
            mapped_to: end,
            state: match kind {
                ModuleKind::File | ModuleKind::Vdso => State::Untouched,
                _ => State::Problem(None),
            },
        });
        let id = ModuleId(self.entries.len() as u32 - 1);
        self.by_key.insert(key, id);
        self.by_key.insert(any, id);
        id
    }

    /// The module of this identity. What perf reads off `/proc` has no generation: that of the last
    /// module of the same inode is meant.
    fn known(&mut self, key: &Key, any: &Key, generation: u64) -> Option<ModuleId> {
        if let Some(id) = self.by_key.get(key) {
            return Some(*id);
        }
        let id = *self.by_key.get(any)?;
        let entry = self.entries.get_mut(id.0 as usize)?;
        let is_open = generation != 0 && entry.identity.of_any().1 == 0;
        is_open.then(|| {
            entry.identity = key.identity.clone();
            self.by_key.insert(key.clone(), id);
            id
        })
    }

    /// The file of a module, opened now if it was not; whether it was just now.
    pub(super) fn open(&mut self, id: ModuleId) -> Option<(&mut OpenFile, bool)> {
        let recorded = &self.recorded;
        let options = self.options;
        let entry = self.entries.get_mut(id.0 as usize)?;
        let mut first = false;
        if let State::Untouched = entry.state {
            first = true;
            entry.state = match search::find(entry, options, recorded) {
                Ok(opened) => State::Open(Box::new(opened)),
                Err(problem) => State::Problem(Some(problem)),
            };
        }
        match &mut entry.state {
            State::Open(opened) => Some((opened, first)),
            _ => None,
        }
    }

    /// Where an offset of a module's file is; the file must have been asked for by `open`.
    pub(super) fn place(&self, id: ModuleId, offset: FileOffset) -> (Place, Option<&OpenFile>) {
        match self.entries.get(id.0 as usize).map(|entry| &entry.state) {
            Some(State::Open(opened)) => match opened.address(offset) {
                Some(address) => (Place::Code(address), Some(opened)),
                None => (Place::Offset(offset), None),
            },
            _ => (Place::Offset(offset), None),
        }
    }

    /// The file at an address of a process, and where in it that is.
    pub(super) fn code_at(
        &mut self,
        space: &AddressSpace,
        address: RuntimeAddress,
    ) -> Option<(&mut OpenFile, VirtualAddress)> {
        let (module, offset) = space.find(address)?;
        let (opened, _) = self.open(module)?;
        let address = opened.address(offset)?;
        Some((opened, address))
    }

    /// Whether a module is the C library.
    pub(super) fn is_c_library(&self, id: ModuleId) -> bool {
        let entry = self.entries.get(id.0 as usize);
        entry.is_some_and(|entry| roots::is_c_library(&entry.name))
    }

    /// Whether a module is the dynamic loader, by its name.
    pub(super) fn is_loader(&self, id: ModuleId) -> bool {
        let entry = self.entries.get(id.0 as usize);
        entry.is_some_and(|entry| roots::is_loader(&entry.name))
    }

    /// Whether threads begin with the function at an address, by its name.
    pub(super) fn is_named_root(&mut self, id: ModuleId, address: VirtualAddress) -> bool {
        let Some((opened, _)) = self.open(id) else {
            return false;
        };
        let mapping = &opened.mapping;
        let roots = opened.roots.get_or_insert_with(|| {
            let image = Image::parse(mapping.path(), mapping);
            image.map_or_else(|_| Vec::new(), |image| roots::roots(&image))
        });
        roots.iter().any(|range| range.contains(address))
    }

    /// Whether a module is memory that code was written to by the program.
    pub(super) fn kind(&self, id: ModuleId) -> ModuleKind {
        let entry = self.entries.get(id.0 as usize);
        entry.map_or(ModuleKind::Unknown, |entry| entry.kind)
    }

    /// Several files were at one path, one after the other, and the recording has one build id for it:
    /// only one of them can be the file that was found.
    fn settle(&mut self) {
        let mut at_path: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if matches!(entry.identity, Identity::Inode { .. }) && entry.kind == ModuleKind::File {
                at_path.entry(&entry.path).or_default().push(index);
            }
        }
        let mut others = Vec::new();
        for same in at_path.into_values().filter(|same| same.len() > 1) {
            let has_inode = |index: &&usize| {
                let entry = self.entries.get(**index);
                let opened = entry.and_then(|entry| match &entry.state {
                    State::Open(opened) => Some((opened.mapping.path(), &entry.identity)),
                    _ => None,
                });
                opened.is_some_and(|(path, own)| search::has_inode(path, own) == Some(true))
            };
            // perf looks for build ids at the end of a recording.
            let found = same.iter().rev().find(has_inode).or(same.last()).copied();
            others.extend(same.into_iter().filter(|index| Some(*index) != found));
        }
        for index in others {
            if let Some(entry) = self.entries.get_mut(index)
                && let State::Open(opened) = &entry.state
            {
                let path = opened.mapping.path().to_path_buf();
                entry.state = State::Problem(Some(ModuleProblem::Rebuilt { path }));
            }
        }
    }

    /// The modules for the profile. Nothing else may hold the files any more.
    pub(super) fn into_modules(mut self) -> Vec<Module> {
        self.settle();
        let to_module = |entry: Entry| {
            let (file, problem) = match entry.state {
                State::Open(opened) => (Arc::into_inner(opened.mapping), None),
                State::Problem(problem) => (None, problem),
                State::Untouched => (None, None),
            };
            Module {
                name: entry.name,
                kind: entry.kind,
                build_id: entry.build_id,
                file,
                problem,
            }
        };
        self.entries.into_iter().map(to_module).collect()
    }
}

/// What a mapping of this name is, by the names that the kernel and perf give.
fn kind_of(path: &[u8]) -> ModuleKind {
    const WRITTEN: [&[u8]; 9] = [
        b"//anon",
        b"[anon",
        b"/anon_hugepage",
        b"anon_inode:",
        MEMORY,
        b"/dev/zero",
        b"/SYSV",
        b"[heap]",
        b"[stack",
    ];
    if path.starts_with(b"[vdso") || path.starts_with(b"[vsyscall") {
        ModuleKind::Vdso
    } else if WRITTEN.iter().any(|prefix| path.starts_with(prefix)) {
        ModuleKind::Jit
    } else if path.starts_with(b"[") || path.is_empty() {
        ModuleKind::Unknown
    } else {
        ModuleKind::File
    }
}
