//! The functions of one unit and the scopes that they are declared in.
//!
//! Truth: DWARF 5, sections 3.3 (subprograms, inlined instances) and 3.2.2 (namespaces).

use gimli::constants as c;

use super::{
    DebugInfo,
    abbrev::{Plan, Spec},
    attribute::{CodeRef, TextRef, Value},
    entries::{Damaged, Visitor},
    frames::{Frame, innermost},
    unit::Unit,
    values::Limits,
};

/// No scope, no entry, no file.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const NO_ENTRY: u64 = u64::MAX;
/// Set in the offset of an entry that is in the file that `dwz` shares between others.
pub(super) const IN_SHARED: u64 = 1 << 63;

/// A namespace or type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) name: TextRef,
    /// The scope around it, or [`NONE`].
    pub(super) parent: u32,
    /// The outermost namespace, or [`NONE`].
    pub(super) root: u32,
}

/// A subprogram: a definition, a declaration, or the abstract one of inlined ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subprogram {
    pub(super) offset: u64,
    pub(super) name: TextRef,
    pub(super) linkage_name: TextRef,
    /// What it is an instance or the definition of, or [`NO_ENTRY`].
    pub(super) origin: u64,
    pub(super) scope: u32,
    pub(super) file: u32,
    /// Whether `origin` is abstract, so the same function, and not a declaration.
    pub(super) is_instance: bool,
}

/// What a pass over one unit found.
#[derive(Debug, Default)]
pub(super) struct UnitCode {
    pub(super) scopes: Vec<Scope>,
    /// In the order of their offsets.
    pub(super) subprograms: Vec<Subprogram>,
    /// Sorted, without overlap.
    pub(super) frames: Vec<Frame>,
    pub(super) damaged: bool,
}

/// What a pass wants to know.
pub(super) fn is_wanted(tag: u16, at: u16, inlined: bool) -> bool {
    let at = gimli::DwAt(at);
    let code = matches!(at, c::DW_AT_low_pc | c::DW_AT_high_pc | c::DW_AT_ranges);
    match gimli::DwTag(tag) {
        tag if is_scope(tag) => at == c::DW_AT_name,
        c::DW_TAG_subprogram => {
            code || matches!(
                at,
                c::DW_AT_name
                    | c::DW_AT_linkage_name
                    | c::DW_AT_MIPS_linkage_name
                    | c::DW_AT_specification
                    | c::DW_AT_abstract_origin
                    | c::DW_AT_decl_file
            )
        }
        c::DW_TAG_inlined_subroutine => inlined && (code || at == c::DW_AT_abstract_origin),
        _ => false,
    }
}

fn is_scope(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        c::DW_TAG_namespace
            | c::DW_TAG_module
            | c::DW_TAG_structure_type
            | c::DW_TAG_class_type
            | c::DW_TAG_union_type
            | c::DW_TAG_enumeration_type
            | c::DW_TAG_interface_type
    )
}

/// An entry that is open.
#[derive(Clone, Copy)]
struct Open {
    scope: u32,
    depth: u32,
}

struct Collector<'a, 'd> {
    info: &'a DebugInfo<'d>,
    limits: &'a Limits,
    unit: &'a Unit<'d>,
    /// Sorted ranges of addresses outside of which there is no code.
    code: &'a [(u64, u64)],
    inlined: bool,
    /// What its entries' offsets are marked with: [`IN_SHARED`] or nothing.
    mark: u64,
    open: Vec<Open>,
    /// How many entries with code there were.
    instances: u32,
    found: UnitCode,
}

impl<'d> DebugInfo<'d> {
    /// Reads the functions of one unit whose code is inside of `code`.
    pub(super) fn unit_code(
        &self,
        unit: &Unit<'d>,
        plans: &[Plan],
        limits: &Limits,
        code: &[(u64, u64)],
        inlined: bool,
        mark: u64,
    ) -> UnitCode {
        let mut collector = Collector {
            info: self,
            limits,
            unit,
            code,
            inlined,
            mark,
            open: Vec::new(),
            instances: 0,
            found: UnitCode::default(),
        };
        let walked = self.walk(unit, plans, usize::MAX, &mut collector);
        let mut found = collector.found;
        found.damaged |= walked.is_err();
        found.frames = innermost(std::mem::take(&mut found.frames));
        found.frames.shrink_to_fit();
        found.subprograms.shrink_to_fit();
        found.scopes.shrink_to_fit();
        found
    }

    /// The plans for [`Self::unit_code`].
    pub(super) fn code_plans(&self, inlined: bool) -> Vec<Plan> {
        self.tables
            .plans(|tag, spec: &Spec| is_wanted(tag, spec.at, inlined))
    }
}

impl Visitor for Collector<'_, '_> {
    fn entry(&mut self, offset: u64, tag: u16, has_children: bool, values: &[(u16, Value)]) {
        let mut here = self.open.last().copied().unwrap_or(Open {
            scope: NONE,
            depth: 0,
        });
        match gimli::DwTag(tag) {
            c::DW_TAG_subprogram => self.subprogram(offset, &mut here, values),
            c::DW_TAG_inlined_subroutine if self.inlined => self.inlined(&mut here, values),
            tag if is_scope(tag) && has_children => self.scope(tag, &mut here, values),
            _ => {}
        }
        if has_children {
            self.open.push(here);
        }
    }

    fn close(&mut self, _: u64) {
        self.open.pop();
    }
}

impl Collector<'_, '_> {
    fn scope(&mut self, tag: gimli::DwTag, here: &mut Open, values: &[(u16, Value)]) {
        let Ok(number) = u32::try_from(self.found.scopes.len()) else {
            return;
        };
        let parent = here.scope;
        let root = match self.found.scopes.get(parent as usize) {
            Some(parent) => parent.root,
            None if tag == c::DW_TAG_namespace => number,
            None => NONE,
        };
        let name = values
            .first()
            .map(|(_, name)| self.info.text_ref(self.unit, *name));
        let name = name.unwrap_or(TextRef::NONE);
        self.found.scopes.push(Scope { name, parent, root });
        here.scope = number;
    }

    fn subprogram(&mut self, offset: u64, here: &mut Open, values: &[(u16, Value)]) {
        if values.is_empty() {
            return;
        }
        let offset = offset | self.mark;
        let mut found = Subprogram {
            offset,
            name: TextRef::NONE,
            linkage_name: TextRef::NONE,
            origin: NO_ENTRY,
            scope: here.scope,
            file: NONE,
            is_instance: false,
        };
        let mut code = CodeRef::default();
        for (at, value) in values {
            match gimli::DwAt(*at) {
                c::DW_AT_name => found.name = self.info.text_ref(self.unit, *value),
                c::DW_AT_linkage_name | c::DW_AT_MIPS_linkage_name => {
                    found.linkage_name = self.info.text_ref(self.unit, *value);
                }
                c::DW_AT_specification => found.origin = self.entry_at(*value),
                c::DW_AT_abstract_origin => {
                    found.origin = self.entry_at(*value);
                    found.is_instance = true;
                }
                c::DW_AT_decl_file => {
                    let file = value.offset().and_then(|file| u32::try_from(file).ok());
                    found.file = file.unwrap_or(NONE);
                }
                at => code.take(at, *value),
            }
        }
        self.found.subprograms.push(found);
        self.frames(code, here.depth, false, offset);
        here.depth = here.depth.saturating_add(1);
    }

    fn inlined(&mut self, here: &mut Open, values: &[(u16, Value)]) {
        let mut code = CodeRef::default();
        let mut target = NO_ENTRY;
        for (at, value) in values {
            match gimli::DwAt(*at) {
                c::DW_AT_abstract_origin => target = self.entry_at(*value),
                at => code.take(at, *value),
            }
        }
        self.frames(code, here.depth, true, target);
        here.depth = here.depth.saturating_add(1);
    }

    fn frames(&mut self, code: CodeRef, depth: u32, inlined: bool, target: u64) {
        let (known, frames) = (self.code, &mut self.found.frames);
        let instance = self.instances;
        self.instances = instance.wrapping_add(1);
        let done = self
            .info
            .ranges_of(self.limits, self.unit, code, |start, end| {
                // Code that the linker dropped keeps a debug entry, at address 0 or so.
                let after = known.partition_point(|(first, _)| *first <= start);
                let Some((_, last)) = after.checked_sub(1).and_then(|part| known.get(part)) else {
                    return;
                };
                if start < *last {
                    frames.push(Frame {
                        start,
                        end: end.min(*last),
                        depth,
                        inlined,
                        instance,
                        target,
                    });
                }
            });
        self.found.damaged |= done == Err(Damaged);
    }

    /// The entry of `.debug_info` that a reference means, there or in the shared file.
    fn entry_at(&self, value: Value) -> u64 {
        let (offset, mark) = match value {
            Value::Ref(offset) => (self.unit.start.saturating_add(offset), self.mark),
            Value::RefAddr(offset) => (offset, self.mark),
            // A shared file has no shared file.
            Value::RefShared(offset) if self.mark == 0 => (offset, IN_SHARED),
            _ => return NO_ENTRY,
        };
        match offset < IN_SHARED {
            true => offset | mark,
            false => NO_ENTRY,
        }
    }
}
