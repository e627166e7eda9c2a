//! What a module asks of who instantiates it, and what it offers.

use super::{
    super::{
        Image, LoaderNeeds,
        needs::{Library, Resource},
    },
    Modules, component,
    found::{Kind, reader},
    module::{External, Limits, Module},
};
use crate::address::FileRange;
use std::collections::BTreeMap;
use wasmparser::ProducersSectionReader;

/// So many names are listed of each kind; a module with more is counted.
const MOST: usize = 1 << 16;

pub(crate) fn facts(image: &Image<'_>, modules: &Modules) -> LoaderNeeds {
    if modules.component {
        return of_component(image, modules);
    }
    let mut needs = LoaderNeeds::default();
    let mut imports: BTreeMap<String, [u32; 5]> = BTreeMap::new();
    for module in &modules.modules {
        // Many imports may share the bytes of one name, which is read once.
        let mut by_place: BTreeMap<FileRange, [u32; 5]> = BTreeMap::new();
        for import in module.imports.iter().take(MOST) {
            by_place.entry(import.module).or_default()[import.what as usize] += 1;
        }
        for (name, counts) in by_place {
            let all = imports.entry(text(image, name)).or_default();
            for (sum, count) in all.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        for export in module.exports.iter().take(MOST) {
            let what = name_of(export.what);
            needs.exports.push((what, text(image, export.name)));
        }
        needs.resources.extend(resources(module));
        if let Some(start) = module.start {
            needs.starts.push(format!("function {start}"));
        }
        producers(image, module, &mut needs);
    }
    let libraries = imports.into_iter().map(|(name, counts)| {
        let mut parts = counts.into_iter().zip([
            External::Function,
            External::Table,
            External::Memory,
            External::Global,
            External::Tag,
        ]);
        let functions = parts.next().map(|(count, _)| count);
        let others = parts.filter(|(count, _)| *count > 0);
        Library {
            name,
            version: None,
            compatible: None,
            optional: false,
            delayed: false,
            functions,
            others: others.map(|(count, what)| (name_of(what), count)).collect(),
        }
    });
    let exports = std::mem::take(&mut needs.exports);
    LoaderNeeds {
        exports,
        resources: needs.resources,
        starts: needs.starts,
        features: needs.features,
        producers: needs.producers,
        ..LoaderNeeds::of_libraries(libraries.collect())
    }
}

/// What all modules of a component have together, and what the component itself asks for and offers.
fn of_component(image: &Image<'_>, modules: &Modules) -> LoaderNeeds {
    let imports = component::imports(image.bytes, &modules.outer);
    let mut needs = LoaderNeeds::of_libraries(imports);
    needs.exports = component::exports(image.bytes, &modules.outer);
    for (module, label) in modules.modules.iter().zip(&modules.labels) {
        // What a module imports is another one's, whose it is.
        let own = resources(module).filter(|resource| !resource.imported);
        needs.resources.extend(own);
        if let Some(start) = module.start {
            needs.starts.push(format!("function {start} of {label}"));
        }
        needs.modules.push((label.clone(), module.file.size));
        producers(image, module, &mut needs);
    }
    needs.features.sort_unstable();
    needs.features.dedup();
    needs
}

fn resources(module: &Module) -> impl Iterator<Item = Resource> + '_ {
    let limits = module.memories.iter().map(|it| ("memory", it));
    let limits = limits.chain(module.tables.iter().map(|it| ("table", it)));
    limits.map(|(what, it)| resource(what, it))
}

fn name_of(what: External) -> &'static str {
    match what {
        External::Function => "function",
        External::Table => "table",
        External::Memory => "memory",
        External::Global => "global",
        External::Tag => "tag",
    }
}

fn resource(what: &'static str, limits: &Limits) -> Resource {
    Resource {
        what,
        least: limits.least,
        most: limits.most,
        shared: limits.shared,
        imported: limits.imported,
    }
}

fn text(image: &Image<'_>, range: FileRange) -> String {
    String::from_utf8_lossy(image.bytes_in(range)).into_owned()
}

/// More compilers and tools made no module, nor all of a component.
const MOST_PRODUCERS: usize = 256;

/// The compilers and tools, and the extensions of the format, that the module says were used.
fn producers(image: &Image<'_>, module: &Module, needs: &mut LoaderNeeds) {
    for section in &module.sections {
        let Kind::Custom(name) = &section.kind else {
            continue;
        };
        let Some(mut reader) = reader(image.bytes, section) else {
            continue;
        };
        match name.as_str() {
            "producers" => {
                let fields = ProducersSectionReader::new(reader).into_iter().flatten();
                for field in fields.map_while(Result::ok) {
                    for value in field.values.into_iter().map_while(Result::ok).take(64) {
                        let text = [value.name, value.version].join(" ");
                        let text = text.trim_end().to_owned();
                        // Each module of a component has a list of its own.
                        let few = needs.producers.len() < MOST_PRODUCERS;
                        if few && !needs.producers.contains(&text) {
                            needs.producers.push(text);
                        }
                    }
                }
            }
            // Each with a sign before it: `+` where it is used.
            "target_features" => {
                let count = reader.read_var_u32().unwrap_or_default();
                for _ in 0..count.min(256) {
                    let sign = reader.read_u8();
                    let (Ok(sign), Ok(name)) = (sign, reader.read_string()) else {
                        break;
                    };
                    if sign == b'+' {
                        needs.features.push(name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
}
