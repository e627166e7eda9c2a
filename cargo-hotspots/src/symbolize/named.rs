//! Places that the recording itself has names for: files of other tools, whose addresses cannot be
//! looked up any more. The crate is what the source path says, else the name.

use super::{
    buckets::{self, Bucket},
    collect::Collector,
};
use crate::{
    profile::{FrameId, NamedScope, Profile},
    symbols::{FunctionId, Scope},
};
use codecost::{
    attribution::Evidence,
    demangle::{Name, Scheme},
};

/// Sets the chains of all frames that have names.
pub(super) fn set(profile: &Profile, collector: &mut Collector<'_>) {
    for (frame, scopes) in &profile.named {
        let module = profile.frames.get(frame.0 as usize);
        let module = module.and_then(|frame| profile.modules.get(frame.module.0 as usize));
        let library = module.and_then(|module| buckets::of_library(&module.name));
        let named: Vec<Scope> = scopes
            .iter()
            .map(|scope| one(scope, library, collector))
            .collect();
        set_one(*frame, &named, collector);
    }
}

fn set_one(frame: FrameId, scopes: &[Scope], collector: &mut Collector<'_>) {
    let Some(symbol) = scopes.last().map(|scope| scope.function) else {
        return;
    };
    let chain = collector.chain(scopes, symbol, None, false);
    collector.set(frame.0 as usize, chain);
}

fn one(scope: &NamedScope, library: Option<Bucket>, collector: &mut Collector<'_>) -> Scope {
    let file = scope.file.as_deref().map(|file| collector.file(file));
    Scope {
        function: function(scope, library, collector),
        file,
        line: scope.line,
    }
}

fn function(
    scope: &NamedScope,
    library: Option<Bucket>,
    collector: &mut Collector<'_>,
) -> FunctionId {
    if let Some(bucket) = buckets::of_name(&scope.function) {
        return collector.bucket(bucket);
    }
    let name = Name::parse(&scope.function);
    let text = name.full();
    let owner = match library {
        Some(bucket) => (collector.owners.bucket(bucket), Evidence::Format),
        None => collector
            .owners
            .of_name(&name, &text, scope.file.as_deref()),
    };
    collector.function(text, owner, (None, None))
}

/// The crate that a demangled name begins with: `alloc` of `<alloc::vec::Vec<T> as core::…>::f`.
pub(super) fn root(name: &Name<'_>, text: &str) -> Option<String> {
    if name.scheme() != Scheme::Other {
        return name.defining().map(|root| root.name.into_owned());
    }
    let start = text.trim_start_matches(['<', '&', '*', '(', '[']);
    let start = start.strip_prefix("impl ").unwrap_or(start);
    let start = start.strip_prefix("mut ").unwrap_or(start);
    let (root, _) = start.split_once("::")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match root {
        // What the compiler makes for the allocator is std's.
        "__rustc" => Some("std".to_owned()),
        "" => None,
        root => root.chars().all(is_name).then(|| root.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demangled_names_begin_with_their_crate() {
        for (text, expected) in [
            ("alloc::raw_vec::RawVec<T,A>::grow_one", Some("alloc")),
            (
                "<alloc::vec::Vec<T> as core::ops::Drop>::drop",
                Some("alloc"),
            ),
            (
                "<&mut csv::Reader<R> as core::iter::Iterator>::next",
                Some("csv"),
            ),
            ("malloc", None),
            ("(below main)", None),
            ("_ZN4core3fmt5write17h0123456789abcdefE", Some("core")),
        ] {
            let name = Name::parse(text);
            assert_eq!(root(&name, text).as_deref(), expected, "{text}");
        }
    }
}
