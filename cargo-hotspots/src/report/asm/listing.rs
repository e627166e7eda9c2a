//! The listing: instructions with the source between, stretches without samples folded.

use super::place::place;
use crate::analysis::asm::model::{Asm, Lead, MarkKind, Part, Row, Weight};
use codecost::{
    attribution::Origin,
    report::{CrateName, Emphasis, OutputOptions, Page, printable, short_name},
    units::{Share, counted},
};
use std::borrow::Cow;

/// Rows around a hot one that are shown too.
const CONTEXT: usize = 3;
/// A fold takes a line itself; what is shorter than this is shown.
const FOLD_FROM: usize = 4;
/// An instruction with less than this share of the function's samples may be folded.
const HOT_ABOVE: f64 = 0.001;
const BAR: usize = 8;
/// Functions of an inline chain that are named without `-w`.
const CHAIN: usize = 4;

/// The code of all parts.
pub(super) fn page(asm: &Asm, options: &OutputOptions, width: Option<usize>) -> Page {
    let mut listing = Listing {
        asm,
        shown: shown(asm, options.limit),
        hottest: asm.rows.iter().map(|row| row.own.period).max().unwrap_or(0),
        address: asm
            .rows
            .iter()
            .map(|row| row.address.to_string().len())
            .max()
            .unwrap_or(0),
        depth: asm
            .loops
            .iter()
            .map(|row| row.depth as usize)
            .max()
            .unwrap_or(0)
            .min(4),
        width: width.unwrap_or(usize::MAX),
        full_names: options.full_names,
        page: Page::new(),
    };
    let mut first = 0;
    for (number, part) in asm.parts.iter().enumerate() {
        let end = first
            + asm.rows[first..]
                .iter()
                .take_while(|row| row.part == number)
                .count();
        listing.part(part, first..end);
        first = end;
    }
    listing.page
}

/// Which rows are shown: the hot ones, and what is around them.
fn shown(asm: &Asm, limit: Option<usize>) -> Vec<bool> {
    let count = asm.rows.len();
    let hot: Vec<usize> = match limit {
        Some(0) => return vec![true; count],
        Some(limit) => {
            let mut by_weight: Vec<usize> = (0..count)
                .filter(|at| asm.rows[*at].own.samples > 0)
                .collect();
            by_weight.sort_by_key(|at| std::cmp::Reverse(asm.rows[*at].own.period));
            by_weight.truncate(limit);
            by_weight
        }
        None => {
            let is_hot = |at: &usize| asm.rows[*at].own.share_of(asm.own) >= HOT_ABOVE;
            (0..count).filter(is_hot).collect()
        }
    };
    // Code that never ran was asked for as a whole.
    if hot.is_empty() {
        return vec![true; count];
    }
    let mut shown = vec![false; count];
    for at in hot {
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(count);
        shown[around].fill(true);
    }
    // Short gaps are filled.
    let mut gap = 0;
    for at in 0..count {
        if shown[at] {
            if gap < FOLD_FROM {
                shown[at - gap..at].fill(true);
            }
            gap = 0;
        } else {
            gap += 1;
        }
    }
    shown
}

struct Listing<'a> {
    asm: &'a Asm,
    shown: Vec<bool>,
    hottest: u64,
    address: usize,
    depth: usize,
    width: usize,
    full_names: bool,
    page: Page,
}

impl Listing<'_> {
    fn line(&mut self, text: &str, emphasis: Emphasis) {
        let text = text.trim_end();
        let text = match text.char_indices().nth(self.width.saturating_sub(1)) {
            Some((at, last)) if text.len() > at + last.len_utf8() => format!("{}…", &text[..at]),
            _ => text.to_owned(),
        };
        self.page = std::mem::take(&mut self.page).line(text, emphasis);
    }

    fn part(&mut self, part: &Part, rows: std::ops::Range<usize>) {
        let share = Share(part.own.share_of(self.asm.total));
        let title = match part.inlined {
            true => format!("{share} inlined into {}", printable(&part.function)),
            false => format!("{share} in {}", printable(&part.function)),
        };
        self.page = std::mem::take(&mut self.page).gap().heading(title);
        let mut folded = (0, Weight::default());
        let mut before: Option<&Row> = None;
        for at in rows {
            let Some(row) = self.asm.rows.get(at) else {
                break;
            };
            if !self.shown.get(at).copied().unwrap_or(true) {
                folded.0 += 1;
                folded.1 += row.own;
                continue;
            }
            if folded.0 > 0 {
                self.fold(&mut folded);
                before = None;
            } else if before.is_some_and(|before| {
                before.address.checked_add(before.length.into()) != Some(row.address)
            }) {
                self.line(&format!("{}⋮", self.indent()), Emphasis::Faint);
            }
            self.source(before, row);
            self.row(row);
            before = Some(row);
        }
        if folded.0 > 0 {
            self.fold(&mut folded);
        }
    }

    /// What is inlined, innermost first. The middle of a long chain says least.
    fn chain(&self, names: &[String]) -> String {
        let mut shown: Vec<String> = names.iter().map(|name| self.name(name)).collect();
        let cut = shown.len().saturating_sub(CHAIN);
        if cut > 1 && !self.full_names {
            let middle = CHAIN / 2..CHAIN / 2 + cut;
            shown.splice(middle, [format!("… {cut} more")]);
        }
        shown.join(" ‹ ")
    }

    /// A name that leaves room for others.
    fn name(&self, name: &str) -> String {
        let name = match self.full_names {
            true => Cow::Borrowed(name),
            false => short(name),
        };
        printable(&name).into_owned()
    }

    /// The space that samples and address take.
    fn indent(&self) -> String {
        " ".repeat(7 + 1 + BAR + 2 + self.address + 2)
    }

    fn fold(&mut self, folded: &mut (u64, Weight)) {
        let count = counted(folded.0, "instruction");
        let text = match folded.1.samples {
            0 => format!("… {count} without samples"),
            _ => format!("… {count}, {}", Share(folded.1.share_of(self.asm.total))),
        };
        *folded = (0, Weight::default());
        self.line(&format!("{}{text}", self.indent()), Emphasis::Faint);
    }

    /// What is new against the row before: what is inlined here, and the line.
    fn source(&mut self, before: Option<&Row>, row: &Row) {
        let same_chain = before.is_some_and(|before| before.inlined == row.inlined);
        let same_line =
            before.is_some_and(|before| (before.file, before.line) == (row.file, row.line));
        let starts_plain = before.is_none() && row.inlined.is_empty();
        if !same_chain && !starts_plain {
            let text = match row.inlined.is_empty() {
                true => "└ back in the function itself".to_owned(),
                false => format!("┌ {}", self.chain(&row.inlined)),
            };
            self.line(&format!("{}{text}", self.indent()), Emphasis::Faint);
        }
        if same_chain && same_line {
            return;
        }
        let Some(place) = place(self.asm, row.file, row.line) else {
            return;
        };
        let source = self.asm.source_of(row.file, row.line).unwrap_or_default();
        let text = format!(
            "{}│ {}  {}",
            self.indent(),
            printable(&place),
            printable(source)
        );
        self.line(&text, Emphasis::Faint);
    }

    fn row(&mut self, row: &Row) {
        let share = row.own.share_of(self.asm.total);
        let shown = match row.own.samples {
            0 => String::new(),
            _ => Share(share).to_string(),
        };
        let bar = bar(row.own.period, self.hottest);
        let depth = row.innermost.and_then(|at| self.asm.loops.get(at));
        let depth = depth
            .map_or(0, |found| found.depth as usize)
            .min(self.depth);
        let gutter = "┃".repeat(depth) + &" ".repeat(self.depth - depth);
        let mut text = format!(
            "{shown:>7} {bar:<width$}  {:>address$}  {gutter} {}",
            row.address.to_string(),
            printable(&row.text),
            width = BAR,
            address = self.address,
        );
        match &row.target {
            Some(Lead::Inside(to)) => text += if *to <= row.address { "  ↑" } else { "  ↓" },
            Some(Lead::Named(name)) => text += &format!("  → {}", self.name(name)),
            None => {}
        }
        let marks: Vec<String> = row
            .marks
            .iter()
            .filter(|mark| row.target.is_none() || !is_call(mark.kind))
            .map(|mark| match mark.kind {
                MarkKind::BoundsCheck | MarkKind::Check => {
                    format!("{}: {}", mark.kind.noun(), mark.detail)
                }
                MarkKind::Packed => format!("packed, {}", mark.detail),
                MarkKind::Scalar => "scalar".to_owned(),
                kind => kind.noun().to_owned(),
            })
            .collect();
        if !marks.is_empty() {
            text += &format!("  ; {}", printable(&marks.join(", ")));
        }
        let emphasis = match share {
            share if share >= 0.01 => Emphasis::Strong,
            _ => Emphasis::Plain,
        };
        self.line(&text, emphasis);
    }
}

/// The name of what is called says it already.
fn is_call(kind: MarkKind) -> bool {
    matches!(
        kind,
        MarkKind::Allocation
            | MarkKind::Memory
            | MarkKind::Clone
            | MarkKind::Hashing
            | MarkKind::Formatting
    )
}

/// A name without the modules and arguments that its neighbours make clear.
fn short(name: &str) -> Cow<'_, str> {
    let nobody = CrateName {
        name: "",
        version: None,
        origin: Origin::Unknown,
    };
    short_name(name, nobody)
}

fn bar(part: u64, whole: u64) -> String {
    let eighths = (Share::of(part, whole).0 * (BAR * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    bar
}
