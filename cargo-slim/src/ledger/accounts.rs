//! The whole file, accounted for.

use super::{
    book::{Amount, Book, Key},
    claims::{Claims, Subjects},
    code,
    data::DataMap,
    inputs::Inputs,
    layout::Layout,
    object::DataObject,
    parts,
    sharing::{Parties, PartyId},
    tables,
};
use codecost::{attribution::Crates, hashing::NumberMap};

/// The whole file, accounted for.
#[derive(Debug)]
pub struct Ledger {
    /// The pieces of the file, in order.
    pub layout: Layout,
    /// Who shares what.
    pub parties: Parties,
    /// Sums by section, use, owner and evidence.
    pub amounts: NumberMap<Key, Amount>,
    /// Constants and variables, one by one.
    pub data: Vec<DataObject>,
    /// Thread-local variables that start as zero. They take no memory of the image, but of each thread,
    /// and share their addresses with what follows.
    pub thread_zeroes: Vec<DataObject>,
}

impl Ledger {
    /// Accounts for every byte of the file.
    pub fn new(inputs: &Inputs<'_, '_>, crates: &mut Crates<'_>) -> Self {
        let layout = Layout::new(inputs.image);
        let mut book = Book::default();
        // Asked for a million times: by the number of the function.
        let functions = inputs.code.functions.iter();
        let functions: Vec<PartyId> = functions
            .map(|function| book.parties.single(function.owner))
            .collect();
        let units = parts::crates_of(inputs, crates);
        let data = DataMap::new(inputs, &functions, &units, &mut book.parties, crates);
        let mut claimed = Claims::new(inputs.image);
        code::claim(inputs, &mut book.parties, &mut claimed);
        data.claim(&mut claimed);
        tables::claim(
            inputs,
            &data,
            &functions,
            &mut book.parties,
            crates,
            &mut claimed,
        );
        if let Some(debug) = inputs.debug {
            debug.claim(&mut book.parties, &mut claimed);
        }
        parts::claim(
            inputs,
            &units,
            data.objects(),
            crates,
            &mut book.parties,
            &mut claimed,
        );
        let subjects = Subjects {
            functions: &inputs.code.functions,
            parties: &functions,
            objects: data.objects(),
        };
        claimed.settle(inputs.image, &subjects, &layout, &mut book);
        let (data, thread_zeroes) = data.into_objects();
        Self {
            layout,
            parties: book.parties,
            amounts: book.amounts,
            data,
            thread_zeroes,
        }
    }

    /// The constant or variable with this number: those of `data` come first, then `thread_zeroes`.
    pub fn object(&self, at: u32) -> Option<&DataObject> {
        let at = at as usize;
        let zeroes = || self.thread_zeroes.get(at - self.data.len());
        self.data.get(at).or_else(zeroes)
    }

    /// The sum of all entries.
    pub fn total(&self) -> Amount {
        self.amounts
            .values()
            .fold(Amount::default(), |mut sum, amount| {
                sum.add(*amount);
                sum
            })
    }
}
