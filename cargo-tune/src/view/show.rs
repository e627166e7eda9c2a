//! `cargo tune show`: every effective setting.

use codecost::Result;
use codecost::console::Console;

use crate::options::Options;
use crate::project::Project;
use crate::report::show;

pub(crate) fn run(options: Options, console: &mut Console) -> Result<u8> {
    let project = Project::load(options.context, options.selection)?;
    let report = show::report(&project, &project.effective.settings);
    console.write_report(&report, &options.output, show::row)?;
    Ok(0)
}
