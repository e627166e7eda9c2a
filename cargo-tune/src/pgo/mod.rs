//! Optimisation guided by a profile, and by the layout of the finished program (BOLT).
//!
//! One command does the ritual and proves it: an instrumented build (`programs`), the training
//! commands, a merge by an `llvm-profdata` that reads what rustc's LLVM writes (`profdata`), the
//! build with the profile, what of the program it covers (`coverage`), and the measurement
//! (`train`). What gains is kept beside the sources with a note of where it comes from
//! (`kept`), so that `--use` builds with it and `check` says when it has aged (`age`): by the
//! functions and counts of the profile (`indexed`), what rustc says of it (`said`), and the
//! functions of today's program (`listed`).
//!
//! Truth: the source of LLVM's profile formats (`InstrProfData.inc`), and rustc's and
//! `llvm-profdata`'s own words, which the integration tests compare with ours.

pub mod age;
pub mod bolt;
pub mod coverage;
pub mod indexed;
mod judge;
pub mod kept;
mod listed;
pub mod profdata;
mod programs;
mod raw;
pub mod reuse;
mod said;
pub mod train;
