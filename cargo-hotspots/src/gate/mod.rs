//! Before and after: whether a change made a program slower, told apart from noise.
//!
//! ```text
//! sign, proportion, change, detect, verdict
//!                                 the statistics: pure functions of recorded blocks
//! harness, process                one benchmark alone in a process, and its numbers
//! baseline, host                  the programs of an earlier moment, and whether they fit here
//! config, requirement, glob       hotspots.toml
//! sides, prepare                  which benchmarks there are on both sides, and how slow they are
//! runner                          blocks, looks, stages: the run itself
//! compare                         a gate from its options to its rows
//! grew, bisect                    what became slower, by a profile of both programs, and when
//! work                            allocations and instructions of one operation
//! save, row, shares, stop         keeping a baseline; the results; shares of a recording; Ctrl-C
//! ```
//!
//! A benchmark is run in both programs here and now, in pairs, because times from different
//! moments cannot be compared: the same binary run twice in sequence "changes" by more than 5 % in
//! half of all cases on a shared machine.

pub mod baseline;
pub mod bisect;
pub mod change;
pub mod compare;
pub mod config;
pub mod detect;
pub mod glob;
pub mod grew;
pub mod harness;
pub mod host;
pub mod limits;
pub mod prepare;
pub mod process;
pub(crate) mod proportion;
pub mod random;
pub mod requirement;
pub mod row;
pub mod runner;
pub mod save;
pub mod shares;
pub mod sides;
pub mod sign;
pub mod stop;
pub mod verdict;
pub mod work;
