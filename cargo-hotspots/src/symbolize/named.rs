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
use codecost::{attribution::Evidence, demangle::Name};

/// Sets the chains of all frames that have names.
pub(super) fn set(profile: &Profile, collector: &mut Collector<'_>) {
    for (frame, scopes) in &profile.named {
        let module = profile.frames.get(frame.0 as usize);
        let module = module.and_then(|frame| profile.modules.get(frame.module.0 as usize));
        let library = module.and_then(|module| {
            let named = buckets::of_name(&module.name).filter(|it| *it != buckets::UNKNOWN);
            buckets::of_library(&module.name).or(named)
        });
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

#[cfg(test)]
mod tests {
    use super::super::owners::root;
    use codecost::demangle::Name;

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
