//! What a component says of itself: the names of its modules, what it asks of its host and what it offers.
//!
//! A component is put together from core modules. What these import is mostly what other modules of it
//! export, or functions that the component makes of its own imports; only the latter are asked of who runs
//! it. Truth: the component model's binary format and its `component-name` section.

use super::{
    super::needs::Library,
    found::{Cut, Found, Kind, Outer, limited, module_name, reader},
};
use wasmparser::{
    ComponentExport, ComponentExternalKind, ComponentImport, ComponentName,
    ComponentNameSectionReader,
};

/// So many imports, exports or names are listed; no component has more.
const MOST: usize = 1 << 16;

/// A name is shown up to here.
const LONGEST: usize = 64;

/// What `wit-component` calls the modules that it makes: adapters between interfaces, and what breaks
/// circles between modules.
const MADE: [&str; 2] = ["wit-component:", "wit-component-"];

/// What the modules of a component are called: by their numbers, and by the names that they, or the
/// component, give them.
pub(super) fn names(bytes: &[u8], modules: &[Cut], outer: &Outer) -> Vec<String> {
    let given = given(bytes, outer);
    let label = |(number, module): (usize, &Cut)| {
        let own = module_name(bytes, &module.sections).filter(|name| !name.is_empty());
        let place = outer.modules.iter().position(|at| *at == module.file.start);
        let name = own.or_else(|| given.get(place?).copied().flatten());
        match name.map(shown).filter(|name| !name.is_empty()) {
            Some(name) => format!("module {number} ({name})"),
            None => format!("module {number}"),
        }
    };
    modules.iter().enumerate().map(label).collect()
}

/// `adapter wasi_snapshot_preview1` for `wit-component:adapter:wasi_snapshot_preview1`.
fn shown(name: &str) -> String {
    let made = MADE.iter().find_map(|start| name.strip_prefix(start));
    let name = match made {
        Some(made) => made.replacen(':', " ", 1),
        None => name.to_owned(),
    };
    name.chars().take(LONGEST).collect()
}

/// The names that the outermost component gives its own modules, in its order. Where it imports
/// modules, or takes them out of instances, these count too, and no name is believed.
fn given<'d>(bytes: &'d [u8], outer: &Outer) -> Vec<Option<&'d str>> {
    let mut names = vec![None; outer.modules.len()];
    let named = |section: &&Found| section.kind == Kind::Custom("component-name".into());
    let Some(reader) = outer
        .sections
        .iter()
        .find(named)
        .and_then(|section| reader(bytes, section))
    else {
        return names;
    };
    for part in ComponentNameSectionReader::new(reader).map_while(Result::ok) {
        let ComponentName::CoreModules(map) = part else {
            continue;
        };
        for naming in map.into_iter().map_while(Result::ok).take(MOST) {
            match names.get_mut(naming.index as usize) {
                Some(name) => *name = Some(naming.name),
                None => return vec![None; outer.modules.len()],
            }
        }
    }
    names
}

/// What the component asks of who runs it, one for each import.
pub(super) fn imports(bytes: &[u8], outer: &Outer) -> Vec<Library> {
    let mut found = Vec::new();
    for section in numbered(outer, 10) {
        let imports = limited::<ComponentImport<'_>>(bytes, section);
        for import in imports.into_iter().flatten().map_while(Result::ok) {
            if found.len() == MOST {
                return found;
            }
            found.push(Library {
                name: import.name.name.to_owned(),
                version: None,
                compatible: None,
                optional: false,
                delayed: false,
                functions: None,
                others: vec![(name_of(import.ty.kind()), 1)],
            });
        }
    }
    found
}

/// What the component offers.
pub(super) fn exports(bytes: &[u8], outer: &Outer) -> Vec<(&'static str, String)> {
    let sections = numbered(outer, 11);
    let sections = sections.filter_map(|section| limited::<ComponentExport<'_>>(bytes, section));
    let exports = sections.flat_map(|section| section.into_iter().map_while(Result::ok));
    let exports = exports.map(|export| (name_of(export.kind), export.name.name.to_owned()));
    exports.take(MOST).collect()
}

fn numbered(outer: &Outer, id: u8) -> impl Iterator<Item = &Found> {
    let sections = outer.sections.iter();
    sections.filter(move |section| section.kind == Kind::Known(id))
}

fn name_of(kind: ComponentExternalKind) -> &'static str {
    match kind {
        ComponentExternalKind::Module => "module",
        ComponentExternalKind::Func => "function",
        ComponentExternalKind::Value => "value",
        ComponentExternalKind::Type => "type",
        ComponentExternalKind::Instance => "instance",
        ComponentExternalKind::Component => "component",
    }
}
