//! WebAssembly: modules, and the modules inside of components.
//!
//! Sources: the core specification's binary format, the tool conventions for linking, dynamic
//! linking and `producers`, the component model's binary format; `wasmparser` reads the contents of
//! sections, of which damage loses the rest and no more.
//!
//! Code and linear memory are two address spaces that both start at 0, and segments need not say
//! where they go. To keep them apart, all that stands in the file is addressed by its place in the
//! file, as engines do with code in stack traces. [`Module::memory_at`] and
//! [`Image::place_in_section`](super::Image::place_in_section) lead from the one to the other.
//!
//! A function's extent is its entry in the code section: the length before the body, the locals and
//! the instructions. So the functions tile the section, and their sizes are those of the linker's map.

mod component;
mod cut;
mod facts;
mod found;
mod memory;
mod module;
mod names;
mod object;
mod pointers;
mod segment;
mod strip;
mod symbols;

pub use module::Module;
pub use segment::{Constant, Segment};

pub(super) use facts::facts;
pub(super) use names::entries;
pub(super) use object::{relocations as object_relocations, symbols as object_symbols};
pub(super) use pointers::relocations;
pub(super) use strip::stripped;
pub(super) use symbols::{exports, symbols};

use super::{Architecture, Format, Image, Native, Section, bounds, other};
use crate::address::{AddressRange, FileRange, VirtualAddress};

/// All that was read of a file's modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules {
    /// One, or those of a component in the order of the file.
    pub(super) modules: Vec<Module>,
    /// Whether the file is a component.
    pub(super) component: bool,
    /// What the modules of a component are called.
    labels: Vec<String>,
    /// What stands beside them.
    outer: found::Outer,
}

/// Whether a file begins like one of wasm's.
pub(super) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// Version 1 of the format, layer 0: a module.
const MODULE: [u8; 4] = [1, 0, 0, 0];

/// Version 13 of the format, layer 1: a component.
const COMPONENT: [u8; 4] = [13, 0, 1, 0];

pub(super) fn parse(bytes: &[u8]) -> Result<Image<'_>, String> {
    let component = match bytes.get(4..8) {
        Some(version) if version == MODULE => false,
        Some(version) if version == COMPONENT => true,
        Some([a, b, c, d]) => {
            let version = u16::from_le_bytes([*a, *b]);
            let layer = u16::from_le_bytes([*c, *d]);
            return Err(format!(
                "version {version} of layer {layer} of WebAssembly is not known"
            ));
        }
        _ => return Err("its header is cut off".into()),
    };
    let mut image = other::empty(bytes, Format::Wasm);
    let (found, outer) = cut::cut(&mut image, component);
    let labels = match component {
        true => cut::label(&mut image, &found, &outer),
        false => Vec::new(),
    };
    let mut modules: Vec<Module> = Vec::with_capacity(found.len());
    for sections in &found {
        let mut module = Module::read(bytes, sections);
        memory::passive(&mut module, bytes);
        module.sort_segments();
        modules.push(module);
    }
    if let ([only], false) = (&modules[..], component)
        && object::is_object(bytes, only)
    {
        image.architecture = architecture(only.is_64());
        image.is_64 = only.is_64();
        object::lay_out(&mut image, only);
        return Ok(image);
    }
    let wide = modules.iter().any(Module::is_64);
    image.architecture = architecture(wide);
    image.is_64 = wide;
    if let [only] = &modules[..] {
        image.entry = only
            .start
            .and_then(|index| only.body(index))
            .map_or(VirtualAddress(0), |body| body.start);
    }
    // A module without `_start` is called by its exports.
    image.library = !modules.iter().any(|module| module.exports_start(bytes));
    image.native = Native::Wasm(Box::new(Modules {
        modules,
        component,
        labels,
        outer,
    }));
    Ok(image)
}

fn architecture(wide: bool) -> Architecture {
    match wide {
        true => Architecture::Wasm64,
        false => Architecture::Wasm32,
    }
}

impl Modules {
    /// The module that holds a place.
    pub(super) fn at(&self, place: VirtualAddress) -> Option<&Module> {
        let next = self
            .modules
            .partition_point(|module| module.file.start.0 <= place.0);
        let module = self.modules.get(next.checked_sub(1)?)?;
        (place.0 < module.file.end().0).then_some(module)
    }
}

/// Bytes outside of the code that say something of a function.
#[derive(Clone, Copy, Debug)]
pub struct TableEntry {
    /// Where they stand.
    pub file: FileRange,
    /// The section, by its place in [`Image::sections`](super::Image::sections).
    pub section: u32,
    /// Where the function starts.
    pub function: VirtualAddress,
    /// What they say.
    pub kind: EntryKind,
}

/// What an entry of a table says of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Its name, as an export, for debuggers, or its type.
    Symbol,
    /// That it is in a table of functions.
    Pointer,
}

impl Image<'_> {
    /// The modules of a WebAssembly file, in the order of the file; of other files none.
    pub fn modules(&self) -> &[Module] {
        match &self.native {
            Native::Wasm(modules) => &modules.modules,
            _ => &[],
        }
    }

    /// Whether it is a component: modules of WebAssembly with how they are put together.
    pub fn is_component(&self) -> bool {
        matches!(&self.native, Native::Wasm(modules) if modules.component)
    }

    /// What a module of a component is called: `module 1 (adapter wasi_snapshot_preview1)`. `None` for
    /// what is no component.
    pub fn module_label(&self, number: usize) -> Option<&str> {
        match &self.native {
            Native::Wasm(modules) => modules.labels.get(number).map(String::as_str),
            _ => None,
        }
    }

    /// The module of a WebAssembly file that holds a place.
    pub fn module_at(&self, place: VirtualAddress) -> Option<&Module> {
        match &self.native {
            Native::Wasm(modules) => modules.at(place),
            _ => None,
        }
    }

    /// The name of a section without the module that it is in, which a component puts before it.
    pub fn plain_name<'s>(&self, section: &'s Section<'_>) -> &'s str {
        let within = || section.name.rsplit_once(": ");
        match self.is_component().then(within).flatten() {
            Some((_, plain)) => plain,
            None => &section.name,
        }
    }

    /// Whether all debug information is of one module, so that it can be read; in what is no component
    /// it is.
    pub fn debugs_one_module(&self) -> bool {
        let mut modules = self.modules().iter();
        !self.is_component() || modules.by_ref().filter(|one| one.has_debug()).count() == 1
    }

    /// What debug information counts addresses of code from: 0, but in WebAssembly where the content
    /// of the code section starts.
    pub fn debug_base(&self) -> u64 {
        let modules = self.modules().iter();
        let mut debugged = modules.filter(|module| !self.is_component() || module.has_debug());
        let code = debugged.find_map(Module::code_start);
        code.map_or(0, |start| start.0)
    }

    /// The parts of a section that hold constants and variables: all of it, but in WebAssembly what
    /// its segments hold.
    pub fn data_ranges(&self, section: u32) -> Vec<AddressRange> {
        let Some(whole) = self.sections.get(section as usize) else {
            return Vec::new();
        };
        let Native::Wasm(modules) = &self.native else {
            return vec![whole.addresses()];
        };
        let module = modules.at(whole.address);
        let segments = module.map_or(&[][..], |module| &module.segments);
        let first = segments.partition_point(|segment| segment.place().end() <= whole.address);
        let parts = segments.get(first..).unwrap_or_default().iter();
        let parts = parts.map(|segment| segment.place());
        let parts = parts.take_while(|part| part.start < whole.addresses().end());
        let parts = parts.map(|part| part.intersection(whole.addresses()));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Where a place is shown to be: data of WebAssembly in the linear memory, where it is copied to
    /// a known place.
    pub(super) fn in_memory(&self, place: VirtualAddress) -> VirtualAddress {
        let segment = self
            .module_at(place)
            .and_then(|module| module.segment_at(place));
        let address = segment.and_then(|segment| {
            let distance = place.checked_since(segment.place().start)?;
            segment.address?.checked_add(distance)
        });
        address.map_or(place, VirtualAddress)
    }
}

/// The place of a part of the file that was lent out.
fn place_of(bytes: &[u8], part: &[u8]) -> FileRange {
    let offset = (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    bounds::clip(bytes, offset as u64, part.len() as u64)
}
