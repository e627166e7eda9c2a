//! CSV: a header line of keys, then rows of exact values; no totals, no cut row.

use super::{Table, table::Selection};
use std::io::{self, Write};

pub(super) fn write<'a, R>(
    to: &mut dyn Write,
    table: &Table<'a, R>,
    selection: &Selection<'a, R>,
) -> io::Result<()> {
    let columns: Vec<_> = table.machine_columns().collect();
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(columns.iter().map(|column| column.key))?;
    let mut field = String::new();
    for row in selection.shown() {
        for column in &columns {
            column.read(row).exact(&mut field);
            writer.write_field(&field)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}
