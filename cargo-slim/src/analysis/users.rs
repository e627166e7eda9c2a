//! Who uses a constant.

use super::{
    data,
    model::{DataRow, DataUser},
    open::Opened,
    references::References,
    result::Analysis,
    subject::Subject,
};
use crate::graph::FIRST;
use codecost::{
    Error, Result,
    address::{AddressRange, VirtualAddress},
};

/// The constants whose name or text contains `name`, or the one at that address, with those that
/// refer to each.
///
/// # Errors
///
/// A usage error: there is none. Or a file changed while it was read.
pub fn data_named<'s>(
    opened: &Opened,
    subject: &'s mut Subject<'_>,
    name: &str,
) -> Result<Analysis<Vec<DataRow<'s>>>> {
    subject.one_image()?;
    let ledger = subject.ledger(&[]);
    let subject = &*subject;
    let references = References::new(subject, &ledger);
    let address = name.strip_prefix("0x");
    let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let back = references.graph.edges.reversed();
    let mut rows = Vec::new();
    for (at, mut row) in data::all(subject, &ledger, references.slots()) {
        let node = references.graph.object(at as u32);
        let there = address.is_some_and(|address| {
            AddressRange::new(row.address, row.memory).contains(VirtualAddress(address))
        });
        let named = row.name.contains(name) || references.symbol(node).contains(name);
        if !there && !named {
            continue;
        }
        let users = back.of(node).iter().filter(|from| **from >= FIRST);
        let user = |from: &u32| DataUser {
            name: references.name(*from).into_owned(),
            owner: references.label(*from).name.clone(),
        };
        row.users = users.map(user).collect();
        row.users.sort();
        row.users.dedup();
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Error::usage(
            format_args!("no constant or variable has `{name}` in its name or text"),
            "list them with `cargo slim data -n 0`",
        ));
    }
    Analysis::new(opened, subject, rows, [])
}
