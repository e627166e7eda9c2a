//! The commands of `cargo hotspots`, one file for each: arguments, options, work and report.

mod alloc;
mod asm;
mod callees;
mod callers;
mod check;
mod crates;
mod diff;
mod doctor;
mod export;
mod flamegraph;
mod functions;
mod lines;
mod loops;
mod overview;
mod recordings;
mod report;
mod stat;
mod threads;

pub(crate) use overview::Unnamed;

codecost::commands! {
    /// All commands.
    pub(crate) enum Cli {
        Overview(overview::Overview),
        Crates(crates::Crates),
        Functions(functions::Functions),
        Lines(lines::Lines),
        Loops(loops::Loops),
        Asm(asm::Asm),
        Callers(callers::Callers),
        Callees(callees::Callees),
        Threads(threads::Threads),
        Alloc(alloc::Alloc),
        Stat(stat::Stat),
        Report(report::Report),
        Flamegraph(flamegraph::Flamegraph),
        Diff(diff::Diff),
        Check(check::Check),
        Export(export::Export),
        Recordings(recordings::Recordings),
        Doctor(doctor::Doctor),
    }
}
