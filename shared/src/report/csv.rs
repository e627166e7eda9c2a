//! CSV: a header line of keys, then rows of exact values; no totals, no cut row. Control characters
//! are escaped as for people: a name may come from anybody's file, and CSV is looked at in a
//! terminal, too. Who needs the very bytes of a name has JSON.

use super::{Table, printable, table::Selection};
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
            writer.write_field(printable(&field).as_bytes())?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}
