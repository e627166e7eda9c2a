//! Abbreviation tables, and what they say about how to step over entries.
//!
//! Truth: DWARF 5, sections 7.5.3 to 7.5.6. An entry of `.debug_info` is a code into such a table
//! followed by values whose sizes only the table knows. A pass over 10 MB of entries wants a few
//! of those values and must step over the others quickly, so each pass turns a table into a
//! [`Plan`]: neighbours of known size become one step. Every step but a merged one takes at least
//! a byte, which keeps a pass linear in the section also for hostile tables (a million attributes
//! without bytes cost one step).

use std::collections::BTreeMap;

use gimli::constants as c;

use super::reader::Reader;

/// One attribute of an abbreviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) at: u16,
    pub(super) form: u16,
    /// The value itself for `DW_FORM_implicit_const`.
    implicit: i64,
}

#[derive(Clone, Copy, Debug)]
struct Abbrev {
    tag: u16,
    has_children: bool,
    specs: (u32, u32),
}

/// An abbreviation table.
#[derive(Debug)]
pub(super) struct Table {
    /// Where it is in `.debug_abbrev`.
    pub(super) start: usize,
    /// Behind its final zero.
    pub(super) end: usize,
    specs: Vec<Spec>,
    abbrevs: Vec<Abbrev>,
    /// How many of the first abbreviations have the codes 1, 2, 3...
    dense: usize,
    /// The other codes, to indices into `abbrevs`.
    sparse: BTreeMap<u64, u32>,
}

impl Table {
    /// Reads the table at `offset`; stops early where it is damaged.
    fn read(section: &[u8], offset: u64, big_endian: bool) -> Self {
        let mut reader = Reader::at(section, offset, big_endian);
        let mut table = Self {
            start: reader.pos(),
            end: reader.pos(),
            specs: Vec::new(),
            abbrevs: Vec::new(),
            dense: 0,
            sparse: BTreeMap::new(),
        };
        while let Some(true) = table.read_one(&mut reader) {
            table.end = reader.pos();
        }
        table.end = reader.pos();
        table
    }

    /// Reads one abbreviation; `Some(false)` at the end of the table.
    fn read_one(&mut self, reader: &mut Reader<'_>) -> Option<bool> {
        let code = reader.uleb()?;
        if code == 0 {
            return Some(false);
        }
        let tag = u16::try_from(reader.uleb()?).unwrap_or(u16::MAX);
        let has_children = reader.u8()? != 0;
        let first = u32::try_from(self.specs.len()).ok()?;
        loop {
            let (at, form) = (reader.uleb()?, reader.uleb()?);
            if at == 0 && form == 0 {
                break;
            }
            let form = u16::try_from(form).unwrap_or(u16::MAX);
            let implicit = if form == c::DW_FORM_implicit_const.0 {
                reader.sleb()?
            } else {
                0
            };
            self.specs.push(Spec {
                at: u16::try_from(at).unwrap_or(u16::MAX),
                form,
                implicit,
            });
        }
        let end = u32::try_from(self.specs.len()).ok()?;
        if code == self.dense as u64 + 1 && self.sparse.is_empty() {
            self.dense += 1;
        } else {
            self.sparse
                .insert(code, u32::try_from(self.abbrevs.len()).ok()?);
        }
        self.abbrevs.push(Abbrev {
            tag,
            has_children,
            specs: (first, end),
        });
        Some(true)
    }

    fn index(&self, code: u64) -> Option<usize> {
        match usize::try_from(code.checked_sub(1)?) {
            Ok(dense) if dense < self.dense => Some(dense),
            _ => self.sparse.get(&code).map(|index| *index as usize),
        }
    }
}

/// All tables that units refer to, by their offset.
#[derive(Debug, Default)]
pub(super) struct Tables {
    tables: Vec<Table>,
}

impl Tables {
    /// Reads the tables at `offsets` (sorted, each once). Tables that overlap again and again,
    /// which no compiler makes, are left out once they cost four times the section.
    pub(super) fn read(section: &[u8], offsets: &[u64], big_endian: bool) -> Self {
        let mut left = section.len().saturating_mul(4);
        let mut tables = Vec::new();
        for offset in offsets {
            let table = Table::read(section, *offset, big_endian);
            let size = table.end - table.start;
            if size > left {
                break;
            }
            left -= size;
            tables.push(table);
        }
        Self { tables }
    }

    /// The index of the table at `offset`.
    pub(super) fn find(&self, offset: u64) -> Option<usize> {
        self.tables
            .binary_search_by_key(&offset, |table| table.start as u64)
            .ok()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Table> {
        self.tables.get(index)
    }

    /// A plan for each table.
    pub(super) fn plans(&self, wanted: impl Fn(u16, &Spec) -> bool) -> Vec<Plan> {
        self.tables
            .iter()
            .map(|table| Plan::new(table, &wanted))
            .collect()
    }
}

/// How to step over one value or several.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Over bytes, and over values of the unit's address and offset size.
    Skip {
        bytes: u32,
        addresses: u32,
        offsets: u32,
    },
    /// A LEB128 number.
    Leb,
    /// A string in place.
    Text,
    /// A block whose length stands before it: in so many bytes, or in LEB128 (0).
    Block(u8),
    /// `DW_FORM_ref_addr`, whose size changed with DWARF 3.
    RefAddr,
    /// The form itself stands before the value.
    Indirect,
    /// Hand this value out.
    Get(Spec),
    /// A form that is not known: its size is not either.
    Unknown,
}

/// How one form is stepped over.
pub(super) fn step_over(form: u16) -> Op {
    let bytes = |bytes| Op::Skip {
        bytes,
        addresses: 0,
        offsets: 0,
    };
    match gimli::DwForm(form) {
        c::DW_FORM_flag_present | c::DW_FORM_implicit_const => bytes(0),
        c::DW_FORM_data1
        | c::DW_FORM_ref1
        | c::DW_FORM_flag
        | c::DW_FORM_strx1
        | c::DW_FORM_addrx1 => bytes(1),
        c::DW_FORM_data2 | c::DW_FORM_ref2 | c::DW_FORM_strx2 | c::DW_FORM_addrx2 => bytes(2),
        c::DW_FORM_strx3 | c::DW_FORM_addrx3 => bytes(3),
        c::DW_FORM_data4
        | c::DW_FORM_ref4
        | c::DW_FORM_ref_sup4
        | c::DW_FORM_strx4
        | c::DW_FORM_addrx4 => bytes(4),
        c::DW_FORM_data8 | c::DW_FORM_ref8 | c::DW_FORM_ref_sig8 | c::DW_FORM_ref_sup8 => bytes(8),
        c::DW_FORM_data16 => bytes(16),
        c::DW_FORM_addr => Op::Skip {
            bytes: 0,
            addresses: 1,
            offsets: 0,
        },
        c::DW_FORM_strp
        | c::DW_FORM_sec_offset
        | c::DW_FORM_line_strp
        | c::DW_FORM_strp_sup
        | c::DW_FORM_GNU_strp_alt
        | c::DW_FORM_GNU_ref_alt => Op::Skip {
            bytes: 0,
            addresses: 0,
            offsets: 1,
        },
        c::DW_FORM_ref_addr => Op::RefAddr,
        c::DW_FORM_udata
        | c::DW_FORM_sdata
        | c::DW_FORM_ref_udata
        | c::DW_FORM_strx
        | c::DW_FORM_GNU_str_index
        | c::DW_FORM_addrx
        | c::DW_FORM_GNU_addr_index
        | c::DW_FORM_loclistx
        | c::DW_FORM_rnglistx => Op::Leb,
        c::DW_FORM_string => Op::Text,
        c::DW_FORM_block1 => Op::Block(1),
        c::DW_FORM_block2 => Op::Block(2),
        c::DW_FORM_block4 => Op::Block(4),
        c::DW_FORM_block | c::DW_FORM_exprloc => Op::Block(0),
        c::DW_FORM_indirect => Op::Indirect,
        _ => Op::Unknown,
    }
}

/// What a pass does at each entry of one abbreviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) tag: u16,
    pub(super) has_children: bool,
    ops: (u32, u32),
}

/// A table made ready for one kind of pass.
#[derive(Debug)]
pub(super) struct Plan {
    ops: Vec<Op>,
    rows: Vec<Row>,
}

impl Plan {
    fn new(table: &Table, wanted: &impl Fn(u16, &Spec) -> bool) -> Self {
        let mut plan = Self {
            ops: Vec::new(),
            rows: Vec::with_capacity(table.abbrevs.len()),
        };
        for abbrev in &table.abbrevs {
            let first = plan.ops.len();
            let (from, to) = (abbrev.specs.0 as usize, abbrev.specs.1 as usize);
            let mut constants = [0u16; 2];
            for spec in table.specs.get(from..to).unwrap_or_default() {
                let step = step_over(spec.form);
                let empty = matches!(
                    step,
                    Op::Skip {
                        bytes: 0,
                        addresses: 0,
                        offsets: 0
                    }
                );
                let get = wanted(abbrev.tag, spec)
                    && (!empty || {
                        // A value without bytes is taken at most twice per entry, see above.
                        let free = constants.iter_mut().find(|at| **at == 0);
                        free.map(|at| *at = spec.at).is_some()
                    });
                let step = if get && !matches!(step, Op::Unknown) {
                    Op::Get(*spec)
                } else {
                    step
                };
                if !plan.merge(first, step) {
                    plan.ops.push(step);
                }
            }
            plan.rows.push(Row {
                tag: abbrev.tag,
                has_children: abbrev.has_children,
                ops: (first as u32, plan.ops.len() as u32),
            });
        }
        plan
    }

    /// Joins a step of known size to the one before.
    fn merge(&mut self, first: usize, step: Op) -> bool {
        let Op::Skip {
            bytes,
            addresses,
            offsets,
        } = step
        else {
            return false;
        };
        if self.ops.len() == first {
            return bytes == 0 && addresses == 0 && offsets == 0;
        }
        let Some(Op::Skip {
            bytes: b,
            addresses: a,
            offsets: o,
        }) = self.ops.last_mut()
        else {
            return bytes == 0 && addresses == 0 && offsets == 0;
        };
        *b = b.saturating_add(bytes);
        *a = a.saturating_add(addresses);
        *o = o.saturating_add(offsets);
        true
    }

    /// What to do at an entry with this code, which is not 0.
    #[inline]
    pub(super) fn row(&self, table: &Table, code: u64) -> Option<(Row, &[Op])> {
        let row = *self.rows.get(table.index(code)?)?;
        Some((row, self.ops.get(row.ops.0 as usize..row.ops.1 as usize)?))
    }
}

impl Spec {
    pub(super) fn new(at: u16, form: u16) -> Self {
        Self {
            at,
            form,
            implicit: 0,
        }
    }

    pub(super) fn implicit(&self) -> i64 {
        self.implicit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_do_not_count_up() {
        // Codes 1, 7, 2 with tags 0x11, 0x12, 0x13, no attributes.
        let section = [
            1, 0x11, 0, 0, 0, 7, 0x12, 1, 0, 0, 2, 0x13, 0, 0, 0, 0, 0xff,
        ];
        let tables = Tables::read(&section, &[0], false);
        let table = tables.get(0).unwrap();
        assert_eq!((table.start, table.end), (0, 16));
        let plan = &tables.plans(|_, _| true)[0];
        let tag = |code| plan.row(table, code).map(|(row, _)| row.tag);
        assert_eq!(tag(1), Some(0x11));
        assert_eq!(tag(7), Some(0x12));
        assert_eq!(tag(2), Some(0x13));
        assert_eq!(tag(3), None);
        assert_eq!(tag(0), None);
    }

    #[test]
    fn neighbours_of_known_size_are_one_step() {
        // Forms data1, data4, addr, strp, flag_present, udata, data2.
        let forms = [0x0b, 0x06, 0x01, 0x0e, 0x19, 0x0f, 0x05];
        let mut section = vec![1, 0x11, 0];
        section.extend(forms.iter().flat_map(|form| [0x20, *form]));
        section.extend([0, 0, 0]);
        let tables = Tables::read(&section, &[0], false);
        let plan = &tables.plans(|_, _| false)[0];
        let (_, ops) = plan.row(tables.get(0).unwrap(), 1).unwrap();
        assert!(matches!(
            ops,
            [
                Op::Skip {
                    bytes: 5,
                    addresses: 1,
                    offsets: 1
                },
                Op::Leb,
                Op::Skip {
                    bytes: 2,
                    addresses: 0,
                    offsets: 0
                },
            ]
        ));
    }

    #[test]
    fn overlapping_tables_are_bounded() {
        let section = [1u8; 4096];
        let offsets: Vec<u64> = (0..4096).collect();
        let tables = Tables::read(&section, &offsets, false);
        let read: usize = tables
            .tables
            .iter()
            .map(|table| table.end - table.start)
            .sum();
        assert!(read <= 4 * section.len());
    }
}
