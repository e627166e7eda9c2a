//! `cargo slim why`: chains of references.

use super::{
    envelope::{next, report_of},
    names::{Ambiguous, short},
    retained::JsonGraph,
};
use crate::analysis::{
    Analysis,
    model::{CrateInfo, Referrer, Why, WhyRow},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Table, printable},
    units::{Bytes, counted, counted_as},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonStep<'a> {
    chain: u32,
    step: u32,
    name: &'a str,
    symbol: Option<&'a str>,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    via: &'static str,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: &'a [String],
    address: Option<u64>,
    only: bool,
    own: u64,
    retained: u64,
}

impl<'a> JsonStep<'a> {
    fn new(row: &'a WhyRow<'_>) -> Self {
        let WhyRow {
            chain,
            step,
            name,
            symbol,
            label,
            via,
            place,
            inlined,
            site,
            only,
            own,
            retained,
        } = row;
        let CrateInfo {
            role: _,
            name: owner,
            package: _,
            version,
            origin: _,
        } = label;
        Self {
            chain: *chain,
            step: *step,
            name,
            symbol: Some(*symbol).filter(|symbol| !symbol.is_empty()),
            owner,
            version: version.as_deref(),
            via,
            file: place.as_ref().map(|place| place.file.as_str()),
            line: place.as_ref().and_then(|place| place.line),
            inlined,
            address: site.map(|site| site.0),
            only: *only,
            own: *own,
            retained: *retained,
        }
    }
}

/// `target` of the envelope.
#[derive(Serialize)]
struct JsonTarget<'a> {
    name: &'a str,
    matches: u64,
    own: u64,
    retained: u64,
    uncertain: u64,
    shipped: u64,
}

/// One of `referrers` of the envelope.
#[derive(Serialize)]
struct JsonReferrer<'a> {
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    copies: u64,
    retained: u64,
}

/// Referrers that people see.
const REFERRERS: usize = 8;

/// Shows the chains.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Why<'_>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let why = &analysis.rows;
    let ambiguous = Ambiguous::among(why.rows.iter().map(|row| row.label));
    let table = Table::new(&why.rows)
        .number("chain", "Chain", |row| Cell::Count(row.chain.into()))
        .number("step", "Step", |row| Cell::Count(row.step.into()))
        .text("via", "Via", |row| row.via.into())
        .name("name", "Name", |row| Cell::text(&*row.name))
        .text("symbol", "Symbol", |row| row.symbol.into())
        .text("crate", "Crate", |row| row.label.name.as_str().into())
        .text("file", "File", |row| {
            Cell::maybe_text(row.place.as_ref().map(|place| place.file.as_str()))
        })
        .number("line", "Line", |row| {
            match row.place.as_ref().and_then(|place| place.line) {
                Some(line) => Cell::Count(line.into()),
                None => Cell::Empty,
            }
        })
        .text("only", "Only", |row| {
            if row.only { "*".into() } else { "".into() }
        })
        .number("own", "Own", |row| Cell::Bytes(row.own))
        .number("retained", "Retained", |row| Cell::Bytes(row.retained));
    let referrer = |referrer: &Referrer<'_>| {
        let Referrer {
            name,
            label,
            copies,
            retained,
            is_code: _,
        } = referrer;
        serde_json::to_value(JsonReferrer {
            name,
            owner: &label.name,
            copies: *copies,
            retained: *retained,
        })
        .unwrap_or_default()
    };
    let referrers: Vec<serde_json::Value> = why.referrers.iter().map(referrer).collect();
    let report = report_of(analysis, "why", table)
        .member(
            "target",
            &JsonTarget {
                name: &why.wanted,
                matches: why.matches,
                own: why.own,
                retained: why.retained,
                uncertain: why.uncertain,
                shipped: why.shipped,
            },
        )
        .member("chains_left_out", &why.more)
        .member("referrers", &referrers)
        .member("referrers_left_out", &why.more_referrers)
        .member("graph", &JsonGraph::new(&why.graph))
        .instead(page(analysis, &ambiguous, options));
    console.write_report(&report, options, JsonStep::new)
}

fn page(analysis: &Analysis<Why<'_>>, ambiguous: &Ambiguous<'_>, options: &OutputOptions) -> Page {
    let why = &analysis.rows;
    let unsure = match why.uncertain {
        0 => String::new(),
        bytes => format!(" ({} of it uncertain)", Bytes(bytes)),
    };
    let summary = format!(
        "{}: {}, {} of code and data; {} go if it goes, {} with all that ships of it{unsure}",
        printable(&why.wanted),
        counted_as(why.matches, "match", "matches"),
        Bytes(why.own),
        Bytes(why.retained),
        Bytes(why.shipped),
    );
    let mut page = Page::new().line(summary, Emphasis::Strong).gap();
    let limit = options
        .limit
        .filter(|limit| *limit > 0)
        .unwrap_or(usize::MAX);
    let mut shown = 0;
    for rows in why.rows.chunk_by(|a, b| a.chain == b.chain) {
        let Some(first) = rows.first() else { continue };
        let (matches, own) = why
            .chains
            .get(first.chain as usize - 1)
            .copied()
            .unwrap_or_default();
        let heading = match why.matches {
            1 => format!("Chain {}", first.chain),
            _ => format!(
                "Chain {}: leads to {} of them, {}",
                first.chain,
                matches,
                Bytes(own)
            ),
        };
        page = page.heading(heading);
        for row in rows {
            if shown < limit {
                page = step(page, row, ambiguous, options.full_names);
            }
            shown += 1;
        }
        page = page.gap();
    }
    if why.more > 0 {
        let more = counted(why.more, "more chain");
        page = page.line(format!("… {more}: --chains N"), Emphasis::Faint);
    }
    page = referrers(page, why, ambiguous, options.full_names);
    if !why.lines {
        let hint = "no debug information: build with `debug = 1`, or leave out `--file`, for \
                    source lines and inlined functions";
        page = page.line(hint, Emphasis::Faint);
    }
    page.then(next(
        "cargo slim retained",
        &analysis.artifact,
        "what else goes if something goes",
    ))
}

/// `* call    regex::Regex::new  (regex)  src/main.rs:12`, and what was inlined below it.
fn step(page: Page, row: &WhyRow<'_>, ambiguous: &Ambiguous<'_>, full: bool) -> Page {
    let mark = if row.only { '*' } else { ' ' };
    let name = named(&row.name, row.label, full);
    let owner = ambiguous.name(row.label);
    let place = row
        .place
        .as_ref()
        .map(|place| format!("  {}", place.short()));
    let goes = match row.only && row.retained > 0 {
        true => format!("  {} go with it", Bytes(row.retained)),
        false => String::new(),
    };
    let text = format!(
        "{mark} {via:<8} {name}  {owner}{goes}{place}",
        via = row.via,
        owner = in_brackets(&owner),
        place = place.unwrap_or_default()
    );
    let page = page.line(printable(&text).into_owned(), Emphasis::Plain);
    match row.inlined.is_empty() {
        true => page,
        false => {
            let inlined: Vec<_> = row
                .inlined
                .iter()
                .rev()
                .map(|name| named(name, row.label, full))
                .collect();
            let text = format!("             inlined there: {}", inlined.join(" → "));
            page.line(printable(&text).into_owned(), Emphasis::Faint)
        }
    }
}

/// `[regex]`; buckets have brackets already.
fn in_brackets(owner: &str) -> String {
    match owner.starts_with('[') {
        true => owner.to_owned(),
        false => format!("[{owner}]"),
    }
}

fn named(name: &str, label: &CrateInfo, full: bool) -> String {
    match full {
        true => name.to_owned(),
        false => short(name, label).into_owned(),
    }
}

fn referrers(mut page: Page, why: &Why<'_>, ambiguous: &Ambiguous<'_>, full: bool) -> Page {
    if why.referrers.is_empty() {
        return page;
    }
    let who = counted_as(
        why.referrers.len() as u64 + why.more_referrers,
        "function or constant",
        "functions or constants",
    );
    let heading = match why.referrers.len() {
        1 => "Referred to by one only".to_owned(),
        _ => format!("Referred to by {who}"),
    };
    page = page.heading(heading);
    for referrer in why.referrers.iter().take(REFERRERS) {
        let Referrer {
            name,
            label,
            copies,
            retained,
            is_code: _,
        } = referrer;
        let times = match copies {
            1 => String::new(),
            copies => format!(" ×{copies}"),
        };
        let line = format!(
            "  {}{times}  {}, retains {}",
            named(name, label, full),
            in_brackets(&ambiguous.name(label)),
            Bytes(*retained)
        );
        page = page.line(printable(&line).into_owned(), Emphasis::Plain);
    }
    let more = why.referrers.len().saturating_sub(REFERRERS) as u64 + why.more_referrers;
    if more > 0 {
        page = page.line(format!("  … {more} more"), Emphasis::Faint);
    }
    page.gap()
}
