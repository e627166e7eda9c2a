//! One pass over the entries of a unit, and the values that it hands out.
//!
//! Truth: DWARF 5, section 7.5; forms in 7.5.6.

use gimli::constants as c;

use super::{
    DebugInfo, DebugSection,
    abbrev::{Op, Plan, Spec, step_over},
    attribute::{TextRef, Value},
    reader::Reader,
    unit::Unit,
};

/// What a pass is told.
pub(super) trait Visitor {
    /// An entry starts at `offset` (from the start of its section) with the values that the plan
    /// asked for.
    fn entry(&mut self, offset: u64, tag: u16, has_children: bool, values: &[(u16, Value)]);
    /// The children of the innermost open entry end before `offset`.
    fn close(&mut self, offset: u64) {
        let _ = offset;
    }
}

/// The bytes of a unit could not be understood to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

impl DebugInfo<'_> {
    /// Reads the entries of a unit: all, or `limit` of them. What was read before damage has been
    /// handed out.
    pub(super) fn walk(
        &self,
        unit: &Unit<'_>,
        plans: &[Plan],
        limit: usize,
        visitor: &mut impl Visitor,
    ) -> Result<(), Damaged> {
        let data = self.sections.get(unit.section);
        let number = unit.table.ok_or(Damaged)? as usize;
        let table = self.tables.get(number).ok_or(Damaged)?;
        let plan = plans.get(number).ok_or(Damaged)?;
        let mut reader =
            Reader::at(data, unit.entries_start, self.sections.big_endian).clip(unit.end as usize);
        let mut values: Vec<(u16, Value)> = Vec::new();
        let mut depth = 0usize;
        for _ in 0..limit {
            if reader.is_empty() {
                break;
            }
            let offset = reader.pos() as u64;
            let code = reader.uleb().ok_or(Damaged)?;
            if code == 0 {
                // Zeros behind the last entry pad the unit.
                if depth > 0 {
                    depth -= 1;
                    visitor.close(reader.pos() as u64);
                }
                continue;
            }
            let (row, ops) = plan.row(table, code).ok_or(Damaged)?;
            values.clear();
            for op in ops {
                if let Op::Get(spec) = op {
                    let value = read_value(unit, &mut reader, spec).ok_or(Damaged)?;
                    values.push((spec.at, value));
                } else {
                    skip(unit, &mut reader, *op).ok_or(Damaged)?;
                }
            }
            visitor.entry(offset, row.tag, row.has_children, &values);
            depth += usize::from(row.has_children);
        }
        Ok(())
    }
}

impl Unit<'_> {
    fn ref_addr_size(&self) -> u8 {
        if self.version == 2 {
            self.address_size
        } else {
            self.offset_size
        }
    }
}

/// Reads one value.
pub(super) fn read_value(unit: &Unit<'_>, reader: &mut Reader<'_>, spec: &Spec) -> Option<Value> {
    let sized = |size: u8, reader: &mut Reader<'_>| reader.uint(size);
    Some(match gimli::DwForm(spec.form) {
        c::DW_FORM_strp => Value::Text(TextRef::new(
            DebugSection::Str,
            reader.uint(unit.offset_size)?,
        )),
        c::DW_FORM_line_strp => Value::Text(TextRef::new(
            DebugSection::LineStr,
            reader.uint(unit.offset_size)?,
        )),
        c::DW_FORM_strp_sup | c::DW_FORM_GNU_strp_alt => Value::Text(TextRef::new(
            DebugSection::SharedStr,
            reader.uint(unit.offset_size)?,
        )),
        c::DW_FORM_string => {
            let at = reader.pos() as u64;
            reader.string()?;
            // Type units may not be in `.debug_info`; nothing needs their inline strings.
            if unit.section == DebugSection::Info {
                Value::Text(TextRef::new(DebugSection::Info, at))
            } else {
                Value::Other
            }
        }
        c::DW_FORM_strx | c::DW_FORM_GNU_str_index => Value::Strx(reader.uleb()?),
        c::DW_FORM_strx1 => Value::Strx(sized(1, reader)?),
        c::DW_FORM_strx2 => Value::Strx(sized(2, reader)?),
        c::DW_FORM_strx3 => Value::Strx(sized(3, reader)?),
        c::DW_FORM_strx4 => Value::Strx(sized(4, reader)?),
        c::DW_FORM_addr => Value::Address(reader.uint(unit.address_size)?),
        c::DW_FORM_addrx | c::DW_FORM_GNU_addr_index => Value::Addrx(reader.uleb()?),
        c::DW_FORM_addrx1 => Value::Addrx(sized(1, reader)?),
        c::DW_FORM_addrx2 => Value::Addrx(sized(2, reader)?),
        c::DW_FORM_addrx3 => Value::Addrx(sized(3, reader)?),
        c::DW_FORM_addrx4 => Value::Addrx(sized(4, reader)?),
        c::DW_FORM_flag | c::DW_FORM_data1 => Value::Number(sized(1, reader)?),
        c::DW_FORM_data2 => Value::Number(sized(2, reader)?),
        c::DW_FORM_data4 => Value::Number(sized(4, reader)?),
        c::DW_FORM_data8 => Value::Number(sized(8, reader)?),
        c::DW_FORM_udata => Value::Number(reader.uleb()?),
        c::DW_FORM_sdata => Value::Number(reader.sleb()?.cast_unsigned()),
        c::DW_FORM_implicit_const => Value::Number(spec.implicit().cast_unsigned()),
        c::DW_FORM_sec_offset => Value::Offset(reader.uint(unit.offset_size)?),
        c::DW_FORM_rnglistx => Value::Rnglistx(reader.uleb()?),
        c::DW_FORM_loclistx => Value::Loclistx(reader.uleb()?),
        c::DW_FORM_ref1 => Value::Ref(sized(1, reader)?),
        c::DW_FORM_ref2 => Value::Ref(sized(2, reader)?),
        c::DW_FORM_ref4 => Value::Ref(sized(4, reader)?),
        c::DW_FORM_ref8 => Value::Ref(sized(8, reader)?),
        c::DW_FORM_ref_udata => Value::Ref(reader.uleb()?),
        c::DW_FORM_ref_addr => Value::RefAddr(reader.uint(unit.ref_addr_size())?),
        c::DW_FORM_GNU_ref_alt => Value::RefShared(reader.uint(unit.offset_size)?),
        c::DW_FORM_ref_sup4 => Value::RefShared(sized(4, reader)?),
        c::DW_FORM_ref_sup8 => Value::RefShared(sized(8, reader)?),
        c::DW_FORM_indirect => {
            let form = u16::try_from(reader.uleb()?).ok()?;
            if form == c::DW_FORM_indirect.0 {
                return None;
            }
            return read_value(unit, reader, &Spec::new(spec.at, form));
        }
        _ => {
            skip(unit, reader, step_over(spec.form))?;
            Value::Other
        }
    })
}

/// Steps over one value or several.
#[inline]
fn skip(unit: &Unit<'_>, reader: &mut Reader<'_>, op: Op) -> Option<()> {
    match op {
        Op::Skip {
            bytes,
            addresses,
            offsets,
        } => reader.skip(
            u64::from(bytes)
                + u64::from(addresses) * u64::from(unit.address_size)
                + u64::from(offsets) * u64::from(unit.offset_size),
        ),
        Op::Leb => reader.skip_leb(),
        Op::Block(size) => {
            let length = if size == 0 {
                reader.uleb()?
            } else {
                reader.uint(size)?
            };
            reader.skip(length)
        }
        Op::Text => reader.string().map(|_| ()),
        Op::RefAddr => reader.skip(u64::from(unit.ref_addr_size())),
        Op::Indirect => match step_over(u16::try_from(reader.uleb()?).ok()?) {
            // A second one could go on for ever.
            Op::Indirect => None,
            op => skip(unit, reader, op),
        },
        Op::Get(_) | Op::Unknown => None,
    }
}
