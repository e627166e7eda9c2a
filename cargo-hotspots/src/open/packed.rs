//! A profile and its names as bytes, and back: what `kept` writes beside a recording.
//!
//! Numbers are in groups of seven bits, texts and lists have their length in front. Reading ends
//! with `None` where the bytes end too early, and allocates no more than there are bytes.

use crate::{
    profile::{
        CallGraph, Count, Frame, FrameId, Kernel, Losses, Module, ModuleId, ModuleKind,
        ModuleProblem, Place, Profile, RuntimeAddress, StackId, StackLimit, StackNode, Thread,
        ThreadId,
    },
    symbols::{Chain, Function, FunctionId, Gaps, Owner, OwnerId, Scope, SourceId, Symbols},
};
use codecost::{
    address::{AddressRange, FileOffset, Range, VirtualAddress},
    attribution::{Evidence, Origin},
    image::Mapping,
};
use std::path::PathBuf;

/// What can be written and read again.
pub(super) trait Packed: Sized {
    fn pack(&self, to: &mut Vec<u8>);
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

impl Packed for u64 {
    fn pack(&self, to: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            to.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        to.push(rest as u8);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = from.split_first()?;
            *from = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl Packed for u32 {
    fn pack(&self, to: &mut Vec<u8>) {
        u64::from(*self).pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        u64::unpack(from)?.try_into().ok()
    }
}

impl Packed for i32 {
    fn pack(&self, to: &mut Vec<u8>) {
        self.cast_unsigned().pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(u32::unpack(from)?.cast_signed())
    }
}

impl Packed for bool {
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match u64::unpack(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Packed for u8 {
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        Some(*byte)
    }
}

impl Packed for String {
    fn pack(&self, to: &mut Vec<u8>) {
        (self.len() as u64).pack(to);
        to.extend_from_slice(self.as_bytes());
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::unpack(from)?).ok()?;
        let (text, rest) = from.split_at_checked(length)?;
        *from = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        self.is_some().pack(to);
        if let Some(value) = self {
            value.pack(to);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match bool::unpack(from)? {
            true => Some(Some(T::unpack(from)?)),
            false => Some(None),
        }
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        (self.len() as u64).pack(to);
        self.iter().for_each(|value| value.pack(to));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::unpack(from)?).ok()?;
        // Each takes a byte at least.
        let mut list = Self::with_capacity(length.min(from.len()));
        for _ in 0..length {
            list.push(T::unpack(from)?);
        }
        Some(list)
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, to: &mut Vec<u8>) {
        self.0.pack(to);
        self.1.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some((A::unpack(from)?, B::unpack(from)?))
    }
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Packed for $name {
            fn pack(&self, to: &mut Vec<u8>) {
                self.0.pack(to);
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(Self(Packed::unpack(from)?))
            }
        }
    )*};
}
numbers!(
    ModuleId,
    FrameId,
    StackId,
    ThreadId,
    RuntimeAddress,
    FileOffset,
    VirtualAddress,
    FunctionId,
    OwnerId,
    SourceId
);

/// All fields of a structure, in this order; a field that is forgotten does not compile.
macro_rules! structures {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Packed for $name {
            fn pack(&self, to: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.pack(to);)*
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                $(let $field = Packed::unpack(from)?;)*
                Some(Self { $($field),* })
            }
        }
    )*};
}
structures! {
    StackLimit { bytes, frames }
    Kernel { release, build_id, reference }
    Thread { pid, tid, name, process }
    Frame { module, place }
    StackNode { caller, frame }
    Count { thread, stack, samples, period, unrooted, truncated, broken }
    Losses {
        lost, unrooted, truncated, broken, throttled, disordered, unreadable, cut_off
    }
    Owner { name, package, version, origin, system }
    Function { name, owner, evidence, file, line }
    Chain { first, len, symbol, extent, line_zero }
    Scope { function, file, line }
    Gaps { no_debug_info, no_symbol, no_shared_debug }
    Symbols { functions, aliases, merged, crates, files, chains, scopes, gaps }
}

/// Variants by their number.
macro_rules! variants {
    ($($name:ident { $($variant:ident = $number:literal),* })*) => {$(
        impl Packed for $name {
            fn pack(&self, to: &mut Vec<u8>) {
                to.push(match self { $(Self::$variant => $number),* });
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(match u8::unpack(from)? {
                    $($number => Self::$variant,)*
                    _ => return None,
                })
            }
        }
    )*};
}
variants! {
    CallGraph { Dwarf = 0, FramePointers = 1, None = 2, CallEdges = 3, Unwound = 4, Given = 5 }
    ModuleKind { File = 0, Kernel = 1, Vdso = 2, Jit = 3, Missing = 4, Unknown = 5 }
    Origin {
        Workspace = 0, Registry = 1, Git = 2, Path = 3, Std = 4, StdDependency = 5, Native = 6,
        Kernel = 7, Vdso = 8, Jit = 9, Linker = 10, Unknown = 11
    }
    Evidence {
        Symbol = 0, Unwind = 1, DebugInfo = 2, Relocation = 3, Reference = 4, Format = 5,
        Inferred = 6, None = 7
    }
}

impl Packed for AddressRange {
    fn pack(&self, to: &mut Vec<u8>) {
        self.start.pack(to);
        self.size.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let start = VirtualAddress::unpack(from)?;
        Some(Range::<VirtualAddress>::new(start, u64::unpack(from)?))
    }
}

impl Packed for Place {
    fn pack(&self, to: &mut Vec<u8>) {
        let (kind, address) = match self {
            Self::Code(address) => (0, address.0),
            Self::Offset(offset) => (1, offset.0),
            Self::Memory(address) => (2, address.0),
        };
        to.push(kind);
        address.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let kind = u8::unpack(from)?;
        let address = u64::unpack(from)?;
        Some(match kind {
            0 => Self::Code(VirtualAddress(address)),
            1 => Self::Offset(FileOffset(address)),
            2 => Self::Memory(RuntimeAddress(address)),
            _ => return None,
        })
    }
}

/// Paths that are no text cannot be kept.
impl Packed for PathBuf {
    fn pack(&self, to: &mut Vec<u8>) {
        self.to_string_lossy().into_owned().pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(String::unpack(from)?.into())
    }
}

impl Packed for ModuleProblem {
    fn pack(&self, to: &mut Vec<u8>) {
        match self {
            Self::Missing => to.push(0),
            Self::Rebuilt { path } => {
                to.push(1);
                path.pack(to);
            }
            Self::Unreadable(why) => {
                to.push(2);
                why.pack(to);
            }
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::unpack(from)? {
            0 => Self::Missing,
            1 => Self::Rebuilt {
                path: Packed::unpack(from)?,
            },
            2 => Self::Unreadable(Packed::unpack(from)?),
            _ => return None,
        })
    }
}

/// Of an opened file its path: it is opened again.
impl Packed for Module {
    fn pack(&self, to: &mut Vec<u8>) {
        let Self {
            name,
            kind,
            build_id,
            file,
            problem,
        } = self;
        name.pack(to);
        kind.pack(to);
        build_id.pack(to);
        // The page that the kernel gives to each process is in no file.
        let path = file.as_ref().filter(|_| *kind == ModuleKind::File);
        path.map(|file| file.path().to_path_buf()).pack(to);
        problem.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let (name, kind, build_id) = (
            Packed::unpack(from)?,
            Packed::unpack(from)?,
            Packed::unpack(from)?,
        );
        let path: Option<PathBuf> = Packed::unpack(from)?;
        let file = match path {
            Some(path) => Some(Mapping::open(path).ok()?),
            None => None,
        };
        Some(Self {
            name,
            kind,
            build_id,
            file,
            problem: Packed::unpack(from)?,
        })
    }
}

impl Packed for Profile {
    fn pack(&self, to: &mut Vec<u8>) {
        let Self {
            event,
            other_events,
            call_graph,
            stack_limit,
            samples: _,
            period: _,
            duration_ns,
            started,
            threads,
            modules,
            kernel,
            frames,
            stacks,
            counts,
            timeline: _,
            // Recordings with these are not kept.
            named: _,
            allocations: _,
            losses,
            without_tables,
            left_out: _,
        } = self;
        event.pack(to);
        other_events.pack(to);
        call_graph.pack(to);
        stack_limit.pack(to);
        duration_ns.pack(to);
        started.pack(to);
        threads.pack(to);
        modules.pack(to);
        kernel.pack(to);
        frames.pack(to);
        stacks.pack(to);
        counts.pack(to);
        losses.pack(to);
        without_tables.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let mut profile = Self {
            event: Packed::unpack(from)?,
            other_events: Packed::unpack(from)?,
            call_graph: Packed::unpack(from)?,
            stack_limit: Packed::unpack(from)?,
            duration_ns: Packed::unpack(from)?,
            started: Packed::unpack(from)?,
            threads: Packed::unpack(from)?,
            modules: Packed::unpack(from)?,
            kernel: Packed::unpack(from)?,
            frames: Packed::unpack(from)?,
            stacks: Packed::unpack(from)?,
            counts: Packed::unpack(from)?,
            losses: Packed::unpack(from)?,
            without_tables: Packed::unpack(from)?,
            ..Self::default()
        };
        profile.add_up();
        Some(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_less_is_nothing() {
        let profile = Profile {
            event: "cpu-clock".into(),
            other_events: vec![("cycles:u".into(), 7)],
            call_graph: CallGraph::FramePointers,
            stack_limit: StackLimit {
                bytes: None,
                frames: Some(127),
            },
            frames: vec![Frame {
                module: ModuleId(0),
                place: Place::Code(VirtualAddress(u64::MAX)),
            }],
            modules: vec![Module {
                name: "/gone".into(),
                kind: ModuleKind::File,
                build_id: Some(vec![1, 255]),
                file: None,
                problem: Some(ModuleProblem::Rebuilt {
                    path: "/now".into(),
                }),
            }],
            stacks: vec![StackNode {
                caller: None,
                frame: FrameId(0),
            }],
            counts: vec![Count {
                samples: 3,
                period: 300,
                broken: 2,
                ..Count::default()
            }],
            threads: vec![Thread {
                pid: -1,
                tid: i32::MAX,
                name: "a".into(),
                process: "b".into(),
            }],
            ..Profile::default()
        };
        let mut bytes = Vec::new();
        profile.pack(&mut bytes);
        let mut rest = bytes.as_slice();
        let read = Profile::unpack(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!((read.samples, read.period, read.losses.broken), (3, 300, 2));
        assert_eq!(read.frames, profile.frames);
        assert_eq!(read.threads, profile.threads);
        assert_eq!(read.modules[0].problem, profile.modules[0].problem);
        let mut again = Vec::new();
        read.pack(&mut again);
        // The sums are in `losses` now.
        assert_eq!(again.len(), bytes.len());
        for end in 0..bytes.len() {
            assert!(Profile::unpack(&mut &bytes[..end]).is_none(), "{end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let _ = Profile::unpack(&mut bytes.as_slice());
            let _ = Symbols::unpack(&mut bytes.as_slice());
        }

        #[test]
        fn numbers_come_back(number in 0_u64..) {
            let mut bytes = Vec::new();
            number.pack(&mut bytes);
            assert_eq!(u64::unpack(&mut bytes.as_slice()), Some(number));
        }
    }
}
