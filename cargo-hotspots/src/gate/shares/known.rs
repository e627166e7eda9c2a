//! What could have had samples: the functions and crates of the programs that were recorded. What
//! is there and was not met by a sample has no share that is known to be large; what is not there
//! is misspelt, or was renamed.

use super::Condition;
use crate::{analysis::Subject, profile::ModuleKind};
use codecost::{
    attribution::Catalogue,
    cargo::Context,
    demangle::Name,
    image::{Image, Mapping},
};

/// Whether something of the programs has the name of `condition`.
pub(super) fn is_there(condition: &Condition, subject: &Subject<'_>) -> bool {
    let modules = subject.profile.modules.iter();
    let mut files = modules
        .filter(|module| module.kind == ModuleKind::File)
        .filter_map(|module| module.file.as_ref());
    files.any(|file| is_in(condition, file))
}

fn is_in(condition: &Condition, file: &Mapping) -> bool {
    let Ok(image) = Image::parse(file.path(), file) else {
        return false;
    };
    let table = image.symbols();
    let mut symbols = table.symbols.iter().map(|symbol| &*symbol.name);
    if symbols.any(|symbol| condition.is_of_symbol(symbol)) || is_inlined(condition, &image) {
        return true;
    }
    // Of a package by a name of its own only cargo knows the crates.
    condition.is_crate && {
        let catalogue = Context::current()
            .map(|context| Catalogue::for_file(&context, file))
            .unwrap_or_else(|_| Catalogue::empty());
        let linked = |name: &str| {
            let own = |symbol: &str| root(symbol).is_some_and(|root| root == name);
            table.symbols.iter().any(|symbol| own(&symbol.name))
        };
        catalogue.crates().any(|info| {
            let package = info.package.as_deref();
            package.is_some_and(|package| condition.name.matches(package)) && linked(&info.name)
        })
    }
}

/// A function that exists only within others has a name in the debug information alone.
fn is_inlined(condition: &Condition, image: &Image<'_>) -> bool {
    let Some((_, section)) = image.section(".debug_str") else {
        return false;
    };
    let content = image.section_content(section).unwrap_or_default();
    content
        .split(|byte| *byte == 0)
        .filter(|text| text.starts_with(b"_ZN") || text.starts_with(b"_R"))
        .filter_map(|text| std::str::from_utf8(text).ok())
        .any(|symbol| condition.is_of_symbol(symbol))
}

/// The crate that defines it.
fn root(symbol: &str) -> Option<String> {
    Some(Name::parse(symbol).defining()?.name.into_owned())
}

impl Condition {
    fn is_of_symbol(&self, symbol: &str) -> bool {
        match self.is_crate {
            true => root(symbol).is_some_and(|name| self.matches(&name)),
            false => self.matches(&Name::parse(symbol).full()),
        }
    }
}
