//! Each benchmark of one program, once.

use super::{FIRST_PATIENCE, clean, stopped};
use crate::gate::{
    harness::{Measured, Tuning},
    process::{Failure, Patience},
    runner::Observer,
    sides::Side,
};
use codecost::{Error, Result, cargo::Context};
use std::path::Path;

/// Measures each benchmark of a program once, for a baseline's numbers. A benchmark that fails has
/// none, and why.
///
/// # Errors
///
/// The program does not list its benchmarks, or the user stopped it.
pub fn measure_once(
    context: &Context,
    side: &Side,
    scratch: &Path,
    stopped_by: &dyn Fn() -> bool,
    observer: &mut dyn Observer,
) -> Result<Vec<(String, std::result::Result<Measured, Failure>)>> {
    let patience = Patience {
        limit: FIRST_PATIENCE,
        stopped: stopped_by,
    };
    let program = &side.program;
    let ids = program
        .list(context, &patience)
        .map_err(|failure| match failure {
            Failure::Stopped => stopped(),
            failure => Error::failed(
                format_args!("`{}` {failure}", side.target),
                "run it by hand with `--bench --list`",
            ),
        })?;
    let mut measured = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        observer.progress(index as u64, ids.len() as u64);
        let once = || {
            clean(scratch)?;
            let probed = program.probe(context, id, scratch, &patience)?;
            let tuning = program.tuning([probed.minimum; 2]);
            if tuning == Tuning::None {
                return Ok(probed);
            }
            clean(scratch)?;
            program.measure(context, id, tuning, scratch, &patience)
        };
        match once() {
            Err(Failure::Stopped) => return Err(stopped()),
            result => measured.push((id.clone(), result)),
        }
    }
    Ok(measured)
}
