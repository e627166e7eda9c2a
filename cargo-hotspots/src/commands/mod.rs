//! The commands of `cargo hotspots`, one file for each: arguments, options, work and report.

mod asm;
mod callees;
mod callers;
mod crates;
mod diff;
mod doctor;
mod export;
mod flamegraph;
mod functions;
mod lines;
mod overview;
mod threads;

pub(crate) use overview::Unnamed;

codecost::commands! {
    /// All commands.
    pub(crate) enum Cli {
        Overview(overview::Overview),
        Crates(crates::Crates),
        Functions(functions::Functions),
        Lines(lines::Lines),
        Asm(asm::Asm),
        Callers(callers::Callers),
        Callees(callees::Callees),
        Threads(threads::Threads),
        Flamegraph(flamegraph::Flamegraph),
        Diff(diff::Diff),
        Export(export::Export),
        Doctor(doctor::Doctor),
    }
}
