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
