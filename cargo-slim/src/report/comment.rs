//! A comment on a pull request: the verdict first, then what changed, the rest folded. GitHub
//! refuses comments of more than 65,536 characters, so what is least loses its rows first.

use super::{budgets, changes, sizes};
use crate::{
    budget::{Checked, Row, Status},
    compare::{Basis, Cause, Compared, Kind},
};
use codecost::{
    Result,
    report::{
        OutputOptions, Page,
        github::{self, Annotation, annotations},
        printable,
    },
    units::{Delta, thousands},
};
use std::fmt::Write as _;

/// GitHub's limit of 65,536 is in characters; a byte is at most that. Some room is left for a marker.
const MOST: usize = 65_000;
/// Where there are more annotations than GitHub shows, one says so under this title.
const TOOL: &str = "cargo slim";
/// How many rows the part that is not folded has.
const OPEN: usize = 10;
/// How many causes.
const CAUSES: usize = 10;
/// How many rows a folded table has at most, and what is tried when that is too much.
const STEPS: [usize; 6] = [200, 100, 50, 20, 10, 5];

/// Folded parts, the more important first; each makes its Markdown for a number of rows.
type Folded<'a> = (String, Box<dyn Fn(usize) -> Result<String> + 'a>);

/// `head`, and of the folded parts as much as fits.
fn bounded(mut head: String, folded: Vec<Folded<'_>>) -> Result<String> {
    let last = "\nMore was cut: a comment has room for 65,536 characters.\n";
    if head.len() > MOST {
        let mut end = MOST - last.len();
        while !head.is_char_boundary(end) {
            end -= 1;
        }
        // Whole lines only: half a row is no row.
        let end = head[..end].rfind('\n').map_or(end, |line| line + 1);
        head.truncate(end);
        head.push_str(last);
        return Ok(head);
    }
    for (title, make) in folded {
        for rows in STEPS {
            let body = make(rows)?;
            let part = format!(
                "\n<details><summary>{}</summary>\n\n{body}\n</details>\n",
                escape(&title)
            );
            if head.len() + part.len() <= MOST {
                head.push_str(&part);
                break;
            }
        }
    }
    Ok(head)
}

/// The comment for a comparison.
pub(super) fn of_diff(compared: &Compared, options: &OutputOptions) -> Result<String> {
    let mut text = String::new();
    let (old, new) = (&compared.before.artifact, &compared.after.artifact);
    let sizes = sizes::SizeFacts::of(compared);
    let title = compared.after.title();
    let change = &sizes.change;
    line(&mut text, format_args!("### `{}`: {change}", code(title)));
    if let Some(words) = &sizes.shipped {
        line(
            &mut text,
            format_args!("\nAs shipped (`strip = \"symbols\"`): {words}."),
        );
    }
    if let Some((words, notes)) = &sizes.analysed {
        let added = match notes.as_str() {
            "" => String::new(),
            notes => format!(" ({})", prose(notes)),
        };
        let about = match compared.comparison.basis {
            Basis::Shipped => "",
            Basis::File => ", which the rows are about",
        };
        line(
            &mut text,
            format_args!("\nAs analysed{added}{about}: {words}."),
        );
    }
    for warning in &compared.warnings {
        line(&mut text, format_args!("\n⚠️ {}", prose(&warning.message)));
    }
    causes(&mut text, &compared.comparison.causes);
    changed(&mut text, compared, options)?;
    let mut folded = Vec::new();
    tables(&mut folded, compared, options, "")?;
    let from = format!(
        "\n<sub>from `{}` to `{}`, {} {}</sub>\n",
        code(&old.path),
        code(&new.path),
        new.format,
        new.architecture
    );
    text.push_str(&from);
    bounded(text, folded)
}

/// The comment for a verdict.
pub(super) fn of_check(checked: &Checked, options: &OutputOptions) -> Result<String> {
    let verdict = &checked.verdict;
    let sign = match verdict.rows.first().map(|row| row.status) {
        Some(Status::Fail | Status::Missing) => "❌",
        Some(Status::Warn) => "⚠️",
        _ => "✅",
    };
    let mut text = String::new();
    line(
        &mut text,
        format_args!("### {sign} Size: {}", budgets::verdict(checked)),
    );
    text.push('\n');
    // Worst first: those that hold come last, and are folded when they are many.
    let worse = verdict
        .rows
        .iter()
        .take_while(|row| row.status != Status::Pass);
    let open = worse.count().clamp(verdict.rows.len().min(OPEN), 100);
    let rows = verdict.rows.get(..open).unwrap_or(&verdict.rows);
    whys(&mut text, rows);
    budgets(&mut text, rows);
    let rest = verdict.rows.get(open..).unwrap_or_default();
    let mut folded: Vec<Folded<'_>> = Vec::new();
    if let Some(compressors) = budgets::compressors(checked) {
        line(
            &mut text,
            format_args!("\n<sub>{}</sub>", prose(&compressors)),
        );
    }
    for warning in budgets::warnings(checked) {
        line(&mut text, format_args!("\n{}", prose(&warning.message)));
    }
    for judged in &checked.artifacts {
        let Some(compared) = &judged.compared else {
            continue;
        };
        let (delta, what) = sizes::delta_of_rows(compared);
        let name = code(&judged.name);
        line(
            &mut text,
            format_args!(
                "\n#### `{name}` since the baseline, {what}: {}",
                Delta(delta)
            ),
        );
        causes(&mut text, &compared.comparison.causes);
        changed(&mut text, compared, options)?;
        tables(&mut folded, compared, options, &judged.name)?;
    }
    if !rest.is_empty() {
        let title = format!("{} more budgets, all held", thousands(rest.len() as u64));
        let make = move |limit: usize| {
            let mut text = String::new();
            budgets(&mut text, rest.get(..limit).unwrap_or(rest));
            if rest.len() > limit {
                line(&mut text, format_args!("\n… {} more", rest.len() - limit));
            }
            Ok(text)
        };
        folded.insert(0, (title, Box::new(make)));
    }
    bounded(text, folded)
}

/// Why budgets do not hold: as a column this would leave the others no room.
fn whys(text: &mut String, rows: &[Row]) {
    let rows = rows
        .iter()
        .filter_map(|row| Some((row, budgets::why(row)?)));
    for (number, (row, why)) in rows.enumerate() {
        if number == OPEN {
            line(text, format_args!("- …"));
            break;
        }
        let (artifact, measure) = (code(&row.artifact), code(&row.measure));
        let why: String = why.chars().take(WIDEST).collect();
        line(
            text,
            format_args!("- `{artifact}`, `{measure}`: {}", prose(&why)),
        );
    }
    if text.ends_with("\n\n") {
        return;
    }
    text.push('\n');
}

fn budgets(text: &mut String, rows: &[Row]) {
    let page = |rows| -> Result<Page> {
        let table = budgets::table(rows, false).default_limit(0).total_label("");
        let selection = table.select(&OutputOptions::default())?;
        Ok(Page::new().grid(table.grid(&selection, true)))
    };
    if let Ok(page) = page(rows) {
        // The last line is the total, and budgets have none.
        let markdown = page.to_markdown();
        let lines: Vec<_> = markdown.trim_end().lines().collect();
        for row in lines.iter().take(lines.len().saturating_sub(1)) {
            line(text, format_args!("{}", clip(row)));
        }
    }
}

fn causes(text: &mut String, causes: &[Cause]) {
    if causes.is_empty() {
        return;
    }
    line(text, format_args!("\n**What is different**\n"));
    for cause in causes.iter().take(CAUSES) {
        line(text, format_args!("- {}", prose(&cause.text)));
    }
    if causes.len() > CAUSES {
        line(text, format_args!("- … {} more", causes.len() - CAUSES));
    }
}

/// The crates that changed most.
fn changed(text: &mut String, compared: &Compared, options: &OutputOptions) -> Result<()> {
    let rows = changes::count(compared.comparison.of(Kind::Crate));
    text.push('\n');
    if rows.is_empty() {
        let words = sizes::without_rows(compared);
        let mut letters = words.chars();
        let first = letters.next().map(|first| first.to_uppercase());
        let first: String = first.into_iter().flatten().collect();
        line(text, format_args!("{first}{}.", prose(letters.as_str())));
        return Ok(());
    }
    text.push_str(&markdown(compared, Kind::Crate, 0, OPEN, options)?.0);
    if changes::pools_symbols(&rows) {
        line(
            text,
            format_args!("\n<sub>{}</sub>", prose(changes::SYMBOLS_NOTE)),
        );
    }
    if let Some(words) = sizes::unshipped(compared) {
        line(text, format_args!("\n<sub>{}</sub>", prose(&words)));
    }
    Ok(())
}

/// The rows of one kind but for the first ones, and how many these are.
fn markdown(
    compared: &Compared,
    kind: Kind,
    first: usize,
    limit: usize,
    options: &OutputOptions,
) -> Result<(String, usize)> {
    let rows = changes::count(compared.comparison.of(kind));
    let options = OutputOptions {
        limit: options.limit,
        filter: options.filter.clone(),
        full_names: options.full_names,
        ..OutputOptions::default()
    };
    let (grid, count) = changes::grid_after(&rows, first, limit, &options)?;
    let table = Page::new().grid(grid).to_markdown();
    let mut text = String::with_capacity(table.len());
    for row in table.lines() {
        line(&mut text, format_args!("{}", clip(row)));
    }
    Ok((text, count))
}

fn tables<'a>(
    folded: &mut Vec<Folded<'a>>,
    compared: &'a Compared,
    options: &'a OutputOptions,
    name: &str,
) -> Result<()> {
    let of = match name {
        "" => String::new(),
        name => format!(" of {name}"),
    };
    for kind in [Kind::Crate, Kind::Function, Kind::Generic, Kind::Section] {
        // The crates that changed most stand above already, with one more if that is all.
        let first = match kind {
            Kind::Crate if options.limit.is_some() => continue,
            Kind::Crate => OPEN,
            _ => 0,
        };
        let (_, count) = markdown(compared, kind, first, 1, options)?;
        if count <= usize::from(kind == Kind::Crate) {
            continue;
        }
        let words = match kind {
            Kind::Crate => "more",
            _ => "changed",
        };
        let title = format!(
            "{}{of}: {} {words}",
            changes::heading(kind),
            thousands(count as u64)
        );
        let make = move |limit: usize| Ok(markdown(compared, kind, first, limit, options)?.0);
        folded.push((title, Box::new(make)));
    }
    Ok(())
}

/// One annotation with the verdict.
pub(super) fn annotations_of_diff(compared: &Compared) -> String {
    let sizes = sizes::SizeFacts::of(compared);
    let mut message = sizes.change;
    if let Some((words, _)) = sizes.analysed {
        message += &format!("\nas analysed: {words}");
    }
    for cause in compared.comparison.causes.iter().take(3) {
        message += &format!("\n{}", cause.text);
    }
    for change in compared.comparison.of(Kind::Crate).iter().take(3) {
        message += &format!("\n{} {}", Delta(change.delta()), change.name);
    }
    let mut all: Vec<_> = compared
        .warnings
        .iter()
        .map(|warning| Annotation {
            kind: github::Kind::Warning,
            place: None,
            title: "cargo slim diff".into(),
            message: warning.message.clone(),
        })
        .collect();
    all.push(Annotation {
        kind: github::Kind::Notice,
        place: None,
        title: format!("size of {}", compared.after.title()),
        message,
    });
    annotations(TOOL, &all)
}

/// One annotation a budget that does not hold, at its line.
pub(super) fn annotations_of_check(checked: &Checked) -> String {
    let file = github::path(&checked.config.path);
    let mut all = Vec::new();
    for row in &checked.verdict.rows {
        let kind = match row.status {
            Status::Fail | Status::Missing => github::Kind::Error,
            Status::Warn => github::Kind::Warning,
            Status::Pass => continue,
        };
        all.push(Annotation {
            kind,
            place: Some((file.clone(), row.line)),
            title: row.budget.clone(),
            message: budgets::in_words(row),
        });
    }
    for warning in budgets::warnings(checked) {
        all.push(Annotation {
            kind: github::Kind::Warning,
            place: None,
            title: "cargo slim check".into(),
            message: warning.message,
        });
    }
    if all
        .iter()
        .all(|annotation| annotation.kind != github::Kind::Error)
    {
        all.push(Annotation {
            kind: github::Kind::Notice,
            place: None,
            title: "cargo slim check".into(),
            message: budgets::verdict(checked),
        });
    }
    annotations(TOOL, &all)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{content}");
}

/// A row of a table may hold a name of any length.
const WIDEST: usize = 1_000;

fn clip(row: &str) -> String {
    if row.chars().count() <= WIDEST {
        return row.to_owned();
    }
    let clipped: String = row.chars().take(WIDEST).collect();
    // An escape cut in half would escape what follows.
    format!("{}… |", clipped.trim_end_matches('\\'))
}

/// Text for a code span: nothing in it can end the span.
fn code(text: &str) -> String {
    printable(text).replace('`', "'")
}

fn escape(text: &str) -> String {
    let text = printable(text);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text with code spans of our own: everything else that Markdown would read is escaped.
fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, part) in printable(text).split('`').enumerate() {
        if index % 2 == 1 {
            escaped.push('`');
            escaped.push_str(part);
            escaped.push('`');
            continue;
        }
        for c in part.chars() {
            match c {
                '|' | '\\' | '*' | '_' | '[' | ']' | '~' | '#' | '@' => escaped.extend(['\\', c]),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '&' => escaped.push_str("&amp;"),
                c => escaped.push(c),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
