//! `cargo hotspots recordings`: what is kept, the newest first.

use super::common::{SCHEMA, next};
use crate::recording::{About, Kept, Program};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Cell, OutputOptions, Report, Table},
};
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// One row in JSON.
#[derive(Serialize)]
struct JsonKept<'a> {
    id: String,
    number: u64,
    command: &'a [String],
    /// When it was finished, in UTC: `2026-11-30T09:49:12Z`.
    time: Option<String>,
    /// From start to end of the run; null in recordings of older versions.
    duration_ns: Option<u64>,
    used_cpu_ns: Option<u64>,
    package: Option<&'a str>,
    target: Option<&'a str>,
    kind: Option<&'a str>,
    profile: Option<&'a str>,
    recorder: &'a str,
    call_graph: &'a str,
    size: u64,
    path: String,
}

impl<'a> JsonKept<'a> {
    fn new(kept: &'a Kept) -> Option<Self> {
        let Kept {
            number,
            finished,
            size,
            recording,
        } = kept;
        let about = recording.about.as_ref()?;
        let program = about.programs.first();
        let of = |read: fn(&Program) -> &Option<String>| program.and_then(|p| read(p).as_deref());
        Some(Self {
            id: format!("recording:{number}"),
            number: *number,
            command: &about.command,
            time: finished.and_then(|time| utc(time, "T", "Z", true)),
            duration_ns: about.account.map(|account| account.duration_ns),
            used_cpu_ns: about.account.map(|account| account.cpu_ns()),
            package: of(|program| &program.package),
            target: of(|program| &program.target),
            kind: of(|program| &program.kind),
            profile: about.build_profile.as_deref(),
            recorder: &about.recorder,
            call_graph: &about.call_graph,
            size: *size,
            path: recording.data.to_string_lossy().into_owned(),
        })
    }
}

/// Shows the list.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(kept: &[Kept], options: &OutputOptions, console: &mut Console) -> Result<()> {
    let table = Table::new(kept)
        .text("number", "Number", |row| Cell::text(row.number.to_string()))
        .text("time", "Finished", |row| {
            Cell::maybe_text(row.finished.and_then(|time| utc(time, " ", " UTC", false)))
        })
        .number("duration_ns", "Duration", |row| {
            nanoseconds(row, |account| account.duration_ns)
        })
        .number("used_cpu_ns", "CPU", |row| {
            nanoseconds(row, |account| account.cpu_ns())
        })
        .text("program", "Program", |row| Cell::maybe_text(program(row)))
        .droppable(2)
        .name("command", "Command", |row| {
            let words = about(row).map(|about| about.command.iter());
            let words = words.into_iter().flatten().map(|word| quoted(word));
            Cell::text(words.collect::<Vec<_>>().join(" "))
        })
        .number("size", "Size", |row| Cell::Bytes(row.size))
        .summed()
        .droppable(1)
        .default_limit(0)
        .total_label("all recordings")
        .when_empty("no recordings yet: `cargo hotspots --bin NAME -- ARGS` makes one");
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "recordings", table)
        .member("latest", &kept.first().map(|kept| kept.number));
    let report = match kept {
        [latest, before, ..] if can_be_compared(latest, before) => report.after(next(
            &format!("cargo hotspots diff {} {}", before.number, latest.number),
            "what the latest saved; `--input NUMBER` opens one in any view",
        )),
        _ => report,
    };
    console.write_report(&report, options, JsonKept::new)
}

/// Whether both ran the same command and are of one kind: time or allocations.
fn can_be_compared(one: &Kept, other: &Kept) -> bool {
    let kind = |kept| about(kept).map(|about| (&about.command, about.is_of_allocations()));
    kind(one) == kind(other)
}

fn about(kept: &Kept) -> Option<&About> {
    kept.recording.about.as_ref()
}

fn nanoseconds(kept: &Kept, read: impl Fn(crate::recording::Account) -> u64) -> Cell<'static> {
    let account = about(kept).and_then(|about| about.account);
    account.map_or(Cell::Unknown("older version"), |account| {
        Cell::Nanoseconds(read(account))
    })
}

/// `rg (bin, release)`.
fn program(kept: &Kept) -> Option<String> {
    let about = about(kept)?;
    let program = about.programs.first()?;
    let name = match &program.target {
        Some(target) => target.clone(),
        None => {
            let file = program.path.file_name().unwrap_or_default();
            file.to_string_lossy().into_owned()
        }
    };
    let of = [program.kind.as_deref(), about.build_profile.as_deref()];
    let of: Vec<&str> = of.into_iter().flatten().collect();
    Some(match of.is_empty() {
        true => name,
        false => format!("{name} ({})", of.join(", ")),
    })
}

/// Date and time in UTC. Truth: the proleptic Gregorian calendar, in which 400 years have 146,097
/// days; years start in March, so that the leap day is the last.
fn utc(time: SystemTime, between: &str, zone: &str, seconds: bool) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let (days, second) = (since / 86_400 + 719_468, since % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    let year = era * 400 + year;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let mut text = format!("{year:04}-{month:02}-{date:02}{between}{hour:02}:{minute:02}");
    if seconds {
        text += &format!(":{:02}", second % 60);
    }
    Some(text + zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Account, Recording};
    use codecost::report::Format;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(utc(time, "T", "Z", true).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_kept_is_listed() {
        let kept = |number: u64, account| Kept {
            number,
            finished: Some(UNIX_EPOCH + Duration::from_secs(1_709_251_199)),
            size: 2048,
            recording: Recording {
                data: format!("{number}/perf.data").into(),
                about: Some(About {
                    command: vec!["xsv".into(), "sort".into(), "a b.csv".into()],
                    build_profile: Some("release".into()),
                    programs: vec![Program {
                        target: Some("xsv".into()),
                        kind: Some("bin".into()),
                        ..Program::default()
                    }],
                    account,
                    ..About::default()
                }),
            },
        };
        let account = Account {
            duration_ns: 2_300_000_000,
            user_ns: 200_000_000,
            system_ns: 98_000_000,
            event_count: None,
            queued_ns: None,
            waits: None,
        };
        let rows = [kept(7, Some(account)), kept(6, None)];
        let shown = |format| {
            let (mut console, captured) = Console::in_memory();
            let options = OutputOptions {
                format,
                ..OutputOptions::default()
            };
            write(&rows, &options, &mut console).unwrap();
            captured.stdout()
        };
        insta::assert_snapshot!("recordings", shown(Format::Human));
        let json: serde_json::Value = serde_json::from_str(&shown(Format::Json)).unwrap();
        assert_eq!(json["latest"], 7);
        let row = &json["rows"][0];
        assert_eq!(row["number"], 7);
        assert_eq!(row["time"], "2024-02-29T23:59:59Z");
        assert_eq!(row["duration_ns"], 2_300_000_000_u64);
        assert_eq!(row["command"][2], "a b.csv");
        assert!(json["rows"][1]["duration_ns"].is_null());
    }
}
