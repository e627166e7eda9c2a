//! What allocating costs in time: allocations are counted by one recording and time is sampled by
//! another, of the same command; functions and lines are what both have.

use super::model::{AllocTable, FEWEST_SAMPLES, Place, TimeOf};
use crate::analysis::{findings, model::Analysis, subject::Subject};
use codecost::{Result, units::Share};
use std::collections::BTreeMap;

/// The time that the allocator takes, by who asks for it, of a recording of time.
///
/// # Errors
///
/// There is not one sample.
pub fn time_of(subject: &Subject<'_>) -> Result<TimeOf> {
    let analysis = subject.analyse(|shares| {
        let spent = findings::in_allocator(shares);
        let of = |time: u64| Share::of(time, shares.total.period).0;
        let mut functions: BTreeMap<String, (f64, BTreeMap<Place, f64>)> = BTreeMap::new();
        for requester in &spent.requesters {
            let file = |id: crate::symbols::SourceId| shares.symbols.files.get(id.0 as usize);
            let (all, lines) = functions.entry(requester.name().to_owned()).or_default();
            *all += of(requester.time.period);
            for ((at, line), time) in &requester.lines {
                let place = (at.and_then(file).cloned(), *line);
                *lines.entry(place).or_default() += of(*time);
            }
        }
        Ok((of(spent.all.period), functions))
    })?;
    let (share, functions) = analysis.rows;
    Ok(TimeOf {
        number: analysis.facts.number,
        samples: analysis.total.samples,
        share,
        functions,
    })
}

/// Says of each finding how much of the time the allocator takes there: in its line, or in its function
/// where the lines have no samples. Of too few samples it says nothing.
pub fn add_time(analysis: &mut Analysis<AllocTable>, time: TimeOf) {
    if time.samples < FEWEST_SAMPLES {
        return;
    }
    let of_recording = match time.number {
        Some(number) => format!(" (recording {number})"),
        None => String::new(),
    };
    for finding in &mut analysis.rows.findings {
        let found = time.functions.get(&finding.function);
        let place = (finding.file.clone(), finding.line);
        let in_line = found.and_then(|(_, lines)| lines.get(&place).copied());
        finding.time_share = match found {
            Some(_) => in_line,
            None => Some(0.0),
        };
        // The advice stays the last line.
        let at = finding.evidence.len().saturating_sub(1);
        let line = match (in_line, found) {
            (Some(share), _) => format!(
                "{} of the CPU time is in the allocator for it{of_recording}",
                Share(share)
            ),
            // Another build has the samples in other lines of it.
            (None, Some((all, _))) => format!(
                "{} of the CPU time is in the allocator for all of the function{of_recording}",
                Share(*all)
            ),
            (None, None) => {
                format!("no sample of the CPU time is in the allocator for it{of_recording}")
            }
        };
        finding.evidence.insert(at, line);
    }
    analysis.rows.time = Some(time);
}
