//! One module for each command.

mod check;
mod crates;
mod data;
mod deps;
mod diff;
mod functions;
mod generics;
mod inlined;
mod language;
mod loads;
mod overview;
mod retained;
mod sections;
mod snapshot;
mod why;

pub(crate) use overview::Overview;

codecost::commands! {
    /// The commands of `cargo slim`.
    pub(crate) enum Cli {
        Overview(Overview),
        Sections(sections::Sections),
        Crates(crates::Crates),
        Functions(functions::Functions),
        Generics(generics::Generics),
        Data(data::Data),
        Loads(loads::Loads),
        Why(why::Why),
        Retained(retained::Retained),
        Deps(deps::Deps),
        Language(language::Language),
        Inlined(inlined::Inlined),
        Diff(diff::Diff),
        Check(check::Check),
        Snapshot(snapshot::Snapshot),
    }
}
