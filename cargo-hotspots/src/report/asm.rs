//! `cargo hotspots asm FUNCTION`: machine code with the source between and the samples beside.
//!
//! People get a listing: grouped by what was inlined, long stretches without samples folded.
//! With `--sort` or `--filter`, and in Markdown, the instructions are a table like any other.

use super::common;
use crate::analysis::{
    asm::model::{Asm, Caller, Lead, LoopRow, Mark, MarkKind, Part, RangeRow, Row, Weight},
    model::Analysis,
};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Cell, Emphasis, Format, OutputOptions, Page, Table, printable},
    units::{Share, counted, thousands},
};
use serde::Serialize;

mod listing;
mod place;

use place::place;

/// How many loops and marks people see.
const LOOPS: usize = 8;
const MARKS: usize = 12;

#[derive(Serialize)]
struct JsonRow<'a> {
    address: u64,
    text: &'a str,
    #[serde(rename = "self")]
    own: f64,
    samples: u64,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: &'a [String],
    target: Option<String>,
    part: usize,
    #[serde(rename = "loop")]
    innermost: Option<usize>,
    marks: Vec<JsonMark<'a>>,
}

#[derive(Serialize)]
struct JsonMark<'a> {
    kind: &'static str,
    detail: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct JsonRange {
    start: u64,
    end: u64,
    part: usize,
    cold: bool,
    #[serde(rename = "self")]
    own: f64,
}

#[derive(Serialize)]
struct JsonCaller<'a> {
    function: &'a str,
    #[serde(rename = "self")]
    own: f64,
    samples: u64,
    shown: bool,
}

#[derive(Serialize)]
struct JsonPart<'a> {
    function: &'a str,
    symbol: &'a str,
    inlined: bool,
    #[serde(rename = "self")]
    own: f64,
    samples: u64,
}

#[derive(Serialize)]
struct JsonLoop<'a> {
    part: usize,
    header: u64,
    depth: u32,
    parent: Option<usize>,
    #[serde(rename = "self")]
    own: f64,
    samples: u64,
    instructions: usize,
    file: Option<&'a str>,
    line: Option<u32>,
    marks: Vec<JsonCount>,
}

#[derive(Serialize)]
struct JsonCount {
    kind: &'static str,
    count: usize,
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Asm>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let asm = &analysis.rows;
    let total = asm.total;
    let mut report = common::report(analysis, "asm", table(asm))
        .member("function", &asm.function)
        .member("crate", &asm.owner)
        .member("version", &asm.version)
        .member("module", &asm.module)
        .member("self", &asm.own.share_of(total))
        .member("samples", &asm.own.samples)
        .member("precise", &asm.precise)
        .member("ranges", &ranges(asm))
        .member(
            "callers_if_inlined",
            &callers(&asm.callers_if_inlined, total),
        )
        .member("other_copies", &callers(&asm.other_copies, total))
        .member("parts", &parts(asm))
        .member("loops", &loops(asm))
        .before(header(asm));
    let listed = options.sort.is_none() && options.filter.is_none();
    if options.format == Format::Human && listed {
        let width = match options.output {
            None => console.style().width,
            Some(_) => None,
        };
        report = report.instead(listing::page(asm, options, width));
    }
    console.write_report(&report, options, |row| JsonRow {
        address: row.address.0,
        text: &row.text,
        own: row.own.share_of(total),
        samples: row.own.samples,
        file: asm.file(row.file),
        line: row.line,
        inlined: &row.inlined,
        target: row.target.as_ref().map(lead),
        part: row.part,
        innermost: row.innermost,
        marks: row.marks.iter().map(|mark| json_mark(asm, mark)).collect(),
    })
}

fn json_mark<'a>(asm: &'a Asm, mark: &'a Mark) -> JsonMark<'a> {
    let Mark {
        kind,
        detail,
        file,
        line,
    } = mark;
    JsonMark {
        kind: kind.as_str(),
        detail,
        file: asm.file(*file),
        line: *line,
    }
}

fn lead(lead: &Lead) -> String {
    match lead {
        Lead::Inside(address) => address.to_string(),
        Lead::Named(name) => name.clone(),
    }
}

fn ranges(asm: &Asm) -> Vec<JsonRange> {
    let of_part = |(part, shown): (usize, &Part)| {
        let range = |range: &RangeRow| JsonRange {
            start: range.addresses.start.0,
            end: range.addresses.end().0,
            part,
            cold: range.cold,
            own: range.own.share_of(asm.total),
        };
        shown.ranges.iter().map(range).collect::<Vec<_>>()
    };
    asm.parts.iter().enumerate().flat_map(of_part).collect()
}

fn callers(callers: &[Caller], total: Weight) -> Vec<JsonCaller<'_>> {
    let mut all = Vec::new();
    for Caller {
        function,
        own,
        shown,
    } in callers
    {
        all.push(JsonCaller {
            function,
            own: own.share_of(total),
            samples: own.samples,
            shown: *shown,
        });
    }
    all
}

fn parts(asm: &Asm) -> Vec<JsonPart<'_>> {
    let mut all = Vec::new();
    for Part {
        function,
        symbol,
        inlined,
        ranges: _,
        own,
        irreducible: _,
        unresolved: _,
    } in &asm.parts
    {
        all.push(JsonPart {
            function,
            symbol,
            inlined: *inlined,
            own: own.share_of(asm.total),
            samples: own.samples,
        });
    }
    all
}

fn loops(asm: &Asm) -> Vec<JsonLoop<'_>> {
    asm.loops.iter().map(|row| json_loop(asm, row)).collect()
}

fn json_loop<'a>(asm: &'a Asm, row: &LoopRow) -> JsonLoop<'a> {
    let LoopRow {
        part,
        header,
        depth,
        parent,
        own,
        instructions,
        without_inner: _,
        file,
        line,
        marks,
    } = row;
    let count = |(kind, count): &(MarkKind, usize)| JsonCount {
        kind: kind.as_str(),
        count: *count,
    };
    JsonLoop {
        part: *part,
        header: header.0,
        depth: *depth,
        parent: *parent,
        own: own.share_of(asm.total),
        samples: own.samples,
        instructions: *instructions,
        file: asm.file(*file),
        line: *line,
        marks: marks.iter().map(count).collect(),
    }
}

/// The instructions as a table: for CSV and Markdown, and for choosing among them.
fn table(asm: &Asm) -> Table<'_, Row> {
    let total = asm.total;
    let hottest = asm.rows.iter().map(|row| row.own.period).max().unwrap_or(0);
    let share = move |row: &Row| row.own.share_of(total);
    Table::new(&asm.rows)
        .default_limit(0)
        .number("self", "Self", move |row| Cell::Share(share(row)))
        .summed()
        .bar("bar", move |row| Share::of(row.own.period, hottest).0)
        .droppable(2)
        .number("samples", "Samples", |row| Cell::Count(row.own.samples))
        .summed()
        .machines_only()
        .number("address", "Address", |row| Cell::Address(row.address.0))
        .name("text", "Instruction", |row| row.text.as_str().into())
        .text("target", "Leads to", |row| {
            Cell::maybe_text(row.target.as_ref().map(lead))
        })
        .droppable(1)
        .text("file", "File", |row| Cell::maybe_text(asm.file(row.file)))
        .machines_only()
        .number("line", "Line", |row| match row.line {
            Some(line) => Cell::Count(line.into()),
            None => Cell::Empty,
        })
        .machines_only()
        .text("source", "Source", |row| {
            Cell::maybe_text(place(asm, row.file, row.line))
        })
        .people_only()
        .text("inlined", "Inlined", |row| {
            Cell::maybe_text((!row.inlined.is_empty()).then(|| row.inlined.join(" < ")))
        })
        .machines_only()
        .text("marks", "Marks", |row| {
            let marks: Vec<_> = row.marks.iter().map(|mark| mark.kind.as_str()).collect();
            Cell::maybe_text((!marks.is_empty()).then(|| marks.join(" ")))
        })
        .droppable(1)
        .total_label("all instructions")
}

/// Names of crates inside generic arguments make names endless; the listing shows them whole only
/// when there is room.
fn header(asm: &Asm) -> Page {
    let total = asm.total;
    let mut function = printable(&asm.function).into_owned();
    if let Some(owner) = &asm.owner {
        let version = asm.version.as_deref();
        let version = version
            .map(|version| format!(" {version}"))
            .unwrap_or_default();
        function += &format!(" (crate {owner}{version})");
    }
    let samples = format!(
        "{} of {} ({})",
        thousands(asm.own.samples),
        thousands(total.samples),
        Share(asm.own.share_of(total))
    );
    let bytes: u64 = asm
        .parts
        .iter()
        .flat_map(|part| &part.ranges)
        .map(|range| range.addresses.size)
        .fold(0, u64::saturating_add);
    let pieces: usize = asm.parts.iter().map(|part| part.ranges.len()).sum();
    let code = format!(
        "{} bytes in {} of {}",
        thousands(bytes),
        counted(pieces as u64, "range"),
        printable(&asm.module)
    );
    let facts = [("function", function), ("samples", samples), ("code", code)];
    let page = Page::new().facts(facts.map(|(key, value)| (key.to_owned(), value)).into());
    let page = inlined_into(asm, page);
    let page = other_copies(asm, page);
    marks(asm, hot_loops(asm, page))
}

fn inlined_into(asm: &Asm, page: Page) -> Page {
    if asm.callers_if_inlined.is_empty() {
        return page;
    }
    let places = asm.callers_if_inlined.iter().take(LOOPS).map(|caller| {
        let share = Share(caller.own.share_of(asm.total));
        format!("{} ({share})", printable(&caller.function))
    });
    let mut text = places.collect::<Vec<_>>().join(", ");
    let more = asm.callers_if_inlined.len().saturating_sub(LOOPS);
    if more > 0 {
        text += &format!(", and {more} more");
    }
    page.gap()
        .line(format!("inlined into {text}"), Emphasis::Strong)
}

fn other_copies(asm: &Asm, page: Page) -> Page {
    if asm.other_copies.is_empty() {
        return page;
    }
    let count = counted(asm.other_copies.len() as u64, "other copy");
    let count = count.replace("copys", "copies");
    let page = page
        .gap()
        .line(format!("{count}, not shown:"), Emphasis::Plain);
    asm.other_copies
        .iter()
        .take(LOOPS)
        .fold(page, |page, copy| {
            let share = Share(copy.own.share_of(asm.total));
            let name = quoted(&copy.function);
            page.line(
                format!("  cargo hotspots asm {name}  # {share}"),
                Emphasis::Command,
            )
        })
}

/// Loops that have samples, hottest first.
fn hot_loops(asm: &Asm, page: Page) -> Page {
    let mut hot: Vec<&LoopRow> = asm.loops.iter().filter(|row| row.own.samples > 0).collect();
    if hot.is_empty() {
        return page;
    }
    hot.sort_by_key(|row| std::cmp::Reverse(row.own.period));
    let cut = hot.len().saturating_sub(LOOPS);
    let page = page.gap().heading("Loops");
    let page = match asm.parts.iter().any(|part| part.inlined) {
        true => page.line(
            "counted are only the instructions of this function, which is inlined there",
            Emphasis::Faint,
        ),
        false => page,
    };
    let page = hot.iter().take(LOOPS).fold(page, |page, row| {
        let share = Share(row.own.share_of(asm.total)).to_string();
        let place = place(asm, row.file, row.line).unwrap_or_default();
        let has: Vec<String> = row
            .marks
            .iter()
            .map(|(kind, count)| counted(*count as u64, kind.noun()))
            .collect();
        let has = if has.is_empty() {
            String::new()
        } else {
            format!(": {}", has.join(", "))
        };
        let depth = match row.depth {
            1 => String::new(),
            depth => format!(", depth {depth}"),
        };
        let size = counted(row.instructions as u64, "instruction");
        let size = match row.without_inner == row.instructions {
            true => size,
            false => format!("{size} ({} without inner loops)", row.without_inner),
        };
        page.line(
            format!(
                "{share:>7}  {}  {}{depth}, {size}{has}",
                row.header,
                printable(&place)
            ),
            Emphasis::Plain,
        )
    });
    match cut {
        0 => page,
        cut => page.line(format!("         … {cut} more"), Emphasis::Faint),
    }
}

/// What hot loops do that can be avoided, by source line. Its weight is that of its basic block: a hot
/// loop has blocks that hardly run.
fn marks(asm: &Asm, page: Page) -> Page {
    let mut lines: Vec<(f64, String)> = Vec::new();
    for (row, block) in asm.rows.iter().zip(asm.block_weights()) {
        let around = row.innermost.and_then(|at| asm.loops.get(at));
        let hot = around.is_some_and(|around| around.own.share_of(asm.total) >= 0.01);
        // A check in code that hardly runs costs nothing.
        if !hot || block.samples == 0 {
            continue;
        }
        let share = block.share_of(asm.total);
        for mark in &row.marks {
            if matches!(mark.kind, MarkKind::Packed | MarkKind::Scalar) {
                continue;
            }
            let place = place(asm, mark.file, mark.line).unwrap_or_default();
            let source = asm.source_of(mark.file, mark.line).unwrap_or_default();
            let source = match source {
                "" => String::new(),
                source => format!("  {}", printable(source)),
            };
            lines.push((
                share,
                format!(
                    "{}  {} ({})  {}{source}",
                    row.address,
                    mark.kind.noun(),
                    printable(&mark.detail),
                    printable(&place)
                ),
            ));
        }
    }
    if lines.is_empty() {
        return page;
    }
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let cut = lines.len().saturating_sub(MARKS);
    let page = page
        .gap()
        .heading("In hot loops, with the share of the basic block");
    let page = lines.iter().take(MARKS).fold(page, |page, (share, line)| {
        let share = Share(*share).to_string();
        page.line(format!("{share:>7}  {line}"), Emphasis::Plain)
    });
    match cut {
        0 => page,
        cut => page.line(format!("         … {cut} more"), Emphasis::Faint),
    }
}

#[cfg(test)]
mod tests;
