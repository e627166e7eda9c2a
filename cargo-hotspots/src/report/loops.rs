//! `cargo hotspots loops`: the hottest loops, a table and a card for each of the first.

mod json;

use super::common::{next, part, report, share};
use crate::{
    analysis::{
        asm::model::{Card, CardLine, Check, MarkKind, Simd, Throughput},
        model::{Analysis, Weight},
    },
    paths,
};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{
        Cell, CrateName, Emphasis, Nth, OutputOptions, Page, Table, numbered, printable, short_name,
    },
    units::{Share, counted, counted_as},
};

use json::JsonLoop;

/// Loops that people see a card of.
const CARDS: usize = 3;
/// Calls and checks that a card names.
const NAMED: usize = 4;
/// Instructions that a card lists.
const LISTED: usize = 40;

fn bounds_checks(card: &Card) -> usize {
    let checks = card.checks.iter();
    checks
        .filter(|check| check.kind == MarkKind::BoundsCheck)
        .count()
}

/// Shows the loops.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<Card>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let rows = numbered(&analysis.rows, |card| [card.function.as_str()]);
    let table = with_contents(table(&rows, total, options.full_names))
        .total_label("all loops")
        .when_empty("no loop has samples");
    let chosen = table.select(options)?;
    let cards = chosen.shown().iter().take(CARDS).copied();
    let cards = cards.fold(Page::new(), |page, row| {
        page.then(card_page(row.row, total, options.full_names))
    });
    let first = chosen.shown().first();
    let lead = first.map_or_else(Page::new, |row| {
        let command = format!(
            "cargo hotspots asm {}{}",
            quoted(&row.row.symbol),
            analysis.facts.input_flag
        );
        next(&command, "the machine code around it")
    });
    let report = report(analysis, "loops", table)
        .after(Page::new().line(
            "self: in the loop without the loops inside it; so are all other figures",
            Emphasis::Faint,
        ))
        .after(cards)
        .after(lead);
    console.write_report(&report, options, |row| JsonLoop::new(row, total))
}

fn place(file: Option<&str>, line: Option<u32>) -> Option<String> {
    let file = paths::tail(file?);
    Some(match line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    })
}

fn name(card: &Card, full_names: bool) -> String {
    match (&card.owner, full_names) {
        (Some(owner), false) => short_name(&card.function, owner.as_name()).to_string(),
        _ => card.function.clone(),
    }
}

fn table<'a>(
    rows: &'a [Nth<'a, Card>],
    total: Weight,
    full_names: bool,
) -> Table<'a, Nth<'a, Card>> {
    let largest = Weight {
        period: rows.first().map_or(0, |row| row.row.own.period),
        samples: 0,
    };
    Table::new(rows)
        .number("self", "Self", move |row| part(row.row.own.period, total))
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.own.period, largest))
        .droppable(6)
        .number("self", "Self", move |row| {
            Cell::Share(share(row.row.own.period, total))
        })
        .summed()
        .machines_only()
        .number("inclusive", "Inclusive", move |row| {
            Cell::Share(share(row.row.inclusive.period, total))
        })
        .machines_only()
        .text("place", "Loop", |row| {
            Cell::maybe_text(place(row.row.file.as_deref(), row.row.line))
        })
        .people_only()
        .searched(true)
        .text("crate", "Crate", |row| {
            Cell::maybe_text(row.row.owner.as_ref().map(|owner| owner.name.as_str()))
        })
        .droppable(5)
        .name("function", "Function", move |row| {
            name(row.row, full_names).into()
        })
        .people_only()
        .name("function", "Function", |row| {
            row.row.function.as_str().into()
        })
        .machines_only()
        .text("file", "File", |row| {
            Cell::maybe_text(row.row.file.as_deref())
        })
        .machines_only()
        .number("line", "Line", |row| {
            row.row
                .line
                .map_or(Cell::Empty, |line| Cell::Count(line.into()))
        })
        .machines_only()
}

/// What is in each loop.
fn with_contents<'a>(table: Table<'a, Nth<'a, Card>>) -> Table<'a, Nth<'a, Card>> {
    let count = |count: usize| match count {
        0 => Cell::Empty,
        count => Cell::Count(count as u64),
    };
    table
        .number("instructions", "Instr.", |row| {
            Cell::Count(row.row.instructions as u64)
        })
        .droppable(4)
        .number("depth", "Depth", |row| Cell::Count(row.row.depth.into()))
        .droppable(4)
        .number("bounds_checks", "Bounds", move |row| {
            count(bounds_checks(row.row))
        })
        .text("simd", "SIMD", |row| Cell::maybe_text(simd(row.row.simd)))
        .people_only()
        .droppable(2)
        .number("packed", "Packed", |row| {
            Cell::Count(row.row.simd.packed as u64)
        })
        .machines_only()
        .number("scalar", "Scalar", |row| {
            Cell::Count(row.row.simd.scalar as u64)
        })
        .machines_only()
        .number("width", "Width", |row| {
            Cell::Count(row.row.simd.width.into())
        })
        .machines_only()
        .number("calls", "Calls", move |row| {
            count(row.row.calls.iter().map(|(_, count)| count).sum())
        })
        .number("divisions", "Div.", move |row| count(row.row.divisions))
        .droppable(3)
        .number("allocations", "Alloc.", move |row| {
            count(row.row.allocations)
        })
        .droppable(3)
        .number("samples", "Samples", |row| Cell::Count(row.row.own.samples))
        .summed()
        .machines_only()
        .default_limit(15)
}

/// `8 of 9, 256 bits`: how many instructions work on all lanes.
fn simd(simd: Simd) -> Option<String> {
    let Simd {
        packed,
        scalar,
        width,
    } = simd;
    match (packed, scalar) {
        (0, 0) => None,
        (0, _) => Some("scalar".into()),
        (packed, 0) => Some(format!("{packed}, {width} bits")),
        (packed, scalar) => Some(format!("{packed} of {}, {width} bits", packed + scalar)),
    }
}

/// What is known of one loop, line by line.
fn card_page(card: &Card, total: Weight, full_names: bool) -> Page {
    let share_of = |weight: Weight| Share::of(weight.period, total.period);
    let at = place(card.file.as_deref(), card.line).unwrap_or_else(|| "[no line]".into());
    let title = format!("{} {}: {at}", share_of(card.own), name(card, full_names));
    let mut page = Page::new()
        .gap()
        .line(printable(&title).into_owned(), Emphasis::Strong);
    let mut say = |text: String| {
        let line = format!("   {}", printable(&text));
        page = std::mem::take(&mut page).line(line, Emphasis::Plain);
    };
    for CardLine {
        file,
        line,
        text,
        own,
    } in &card.lines
    {
        let text = text.as_deref().unwrap_or_default();
        let place = format!("{}:{line}", paths::tail(file));
        say(format!(
            "{:>6}  {place}  {text}",
            share_of(*own).to_string()
        ));
    }
    let within = match card.symbol == card.function {
        true => String::new(),
        false => format!(", inlined into {}", shortened(&card.symbol)),
    };
    let inner = match card.with_inner > card.instructions {
        true => format!(" ({} with inner loops)", card.with_inner),
        false => String::new(),
    };
    say(format!(
        "{}{inner} in {}, depth {}{within}",
        counted(card.instructions as u64, "instruction"),
        counted(card.blocks as u64, "block"),
        card.depth,
    ));
    for text in costs(card) {
        say(text);
    }
    if let Some(Throughput {
        cpu: _,
        cycles,
        bottleneck,
    }) = &card.model
    {
        let limit = match bottleneck {
            Some(bottleneck) => format!(", limited by {bottleneck}"),
            None => String::new(),
        };
        say(format!(
            "model (llvm-mca, this processor): {cycles:.1} cycles each time around{limit}"
        ));
    }
    listing(card, total, page)
}

/// Checks, arithmetic and calls.
fn costs(card: &Card) -> Vec<String> {
    let mut said = Vec::new();
    for kind in [MarkKind::BoundsCheck, MarkKind::Check] {
        let checks: Vec<&Check> = card
            .checks
            .iter()
            .filter(|check| check.kind == kind)
            .collect();
        if checks.is_empty() {
            continue;
        }
        let mut named: Vec<String> = checks.iter().map(|check| describe(check)).collect();
        named.sort_unstable();
        named.dedup();
        named.truncate(NAMED);
        let count = counted(checks.len() as u64, kind.noun());
        said.push(format!("{count}: {}", named.join(", ")));
    }
    if let Some(simd) = simd(card.simd) {
        said.push(match card.simd.packed {
            0 => "vector registers are used on one lane only".into(),
            _ => format!("vector arithmetic: {simd}"),
        });
    }
    let counts = [
        (card.divisions, "division", "divisions"),
        (card.square_roots, "square root", "square roots"),
        (card.locks, "locked instruction", "locked instructions"),
    ];
    for (count, one, many) in counts {
        if count > 0 {
            said.push(counted_as(count as u64, one, many));
        }
    }
    if !card.calls.is_empty() {
        let calls: usize = card.calls.iter().map(|(_, count)| count).sum();
        let named = card.calls.iter().take(NAMED);
        let named: Vec<String> = named.map(|(name, _)| shortened(name)).collect();
        let more = if card.calls.len() > NAMED {
            ", …"
        } else {
            ""
        };
        said.push(format!(
            "{} not inlined: {}{more}",
            counted(calls as u64, "call"),
            named.join(", ")
        ));
    }
    if card.allocations > 0 {
        said.push("it allocates or frees memory".into());
    }
    said
}

/// ``of `table` at src/lib.rs:7``.
fn describe(check: &Check) -> String {
    let place = place(check.file.as_deref(), check.line);
    let what = match (&check.variable, check.kind) {
        (Some(variable), MarkKind::BoundsCheck) => format!("of `{variable}`"),
        _ => check.panics.clone(),
    };
    match place {
        Some(place) => format!("{what} at {place}"),
        None => what,
    }
}

fn shortened(function: &str) -> String {
    let owner = CrateName {
        name: "",
        version: None,
        origin: codecost::attribution::Origin::Unknown,
    };
    short_name(function, owner).to_string()
}

fn listing(card: &Card, total: Weight, page: Page) -> Page {
    let code = card.code.iter().take(LISTED);
    let page = code.fold(page, |page, line| {
        let own = match line.own.samples {
            0 => String::new(),
            _ => Share::of(line.own.period, total.period).to_string(),
        };
        let target = line.target.as_deref().map(shortened);
        let target = target.map_or_else(String::new, |target| format!("  → {target}"));
        let text = format!("   {own:>6}  {:#x}  {}{target}", line.address.0, line.text);
        page.line(printable(&text).into_owned(), Emphasis::Faint)
    });
    match card.code.len().saturating_sub(LISTED) {
        0 => page,
        more => page.line(
            format!("           … {}", counted(more as u64, "more instruction")),
            Emphasis::Faint,
        ),
    }
}
