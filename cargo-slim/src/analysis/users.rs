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
use std::cmp::Reverse;

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
    let all = ledger.data.iter().chain(&ledger.thread_zeroes);
    for (at, object) in (0..).zip(all) {
        let there = address.is_some_and(|address| {
            let address = VirtualAddress(address);
            let size = object.range.size.saturating_add(object.rest);
            AddressRange::new(object.range.start, size).contains(address)
        });
        if object.is_rest {
            continue;
        }
        let mut row = data::row(subject, &ledger, object, references.slots());
        let node = references.graph.object(at);
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
    rows.sort_by_key(|row| (Reverse(row.file), row.address));
    Analysis::new(opened, subject, rows, [])
}
