//! The control flow of a function with what names and tables add to the instructions: calls that
//! never return, and jumps through tables.
//!
//! Truth: for tables, how LLVM lays them out on x86-64: `lea base, [rip + table]`, then an entry
//! of four bytes, which is the distance from the table to the target, then `jmp` to the sum. An
//! entry counts while it leads to an instruction of the function, so that a table's end is found
//! where the next data starts.
//!
//! Limits: which table a jump uses is taken from the nearest `lea` before it; where there is none
//! nearby, from all tables of the function.

use super::{code::Code, names};
use codecost::{
    address::VirtualAddress,
    disasm::{Flow, Graph, Instruction, Target},
};

/// A `lea` further away than this may belong to another jump.
const NEAR: usize = 24;

/// The control flow of `instructions`; `target` names what a call leads to, by position.
pub(super) fn graph(
    code: &Code<'_>,
    instructions: &[Instruction],
    entry: VirtualAddress,
    target: &[Option<String>],
) -> Graph {
    let returns = |index: usize| match target.get(index) {
        Some(Some(name)) => !never_returns(name),
        _ => true,
    };
    let tables = Tables::of(code, instructions);
    let targets = |index: usize| match instructions.get(index).map(|jump| jump.flow) {
        Some(Flow::Jump(Target::Unknown)) => tables.targets(instructions, index),
        _ => Vec::new(),
    };
    Graph::new(instructions, entry, returns, targets)
}

/// Jump tables, by the position of the `lea` that takes their address.
struct Tables(Vec<(usize, Vec<VirtualAddress>)>);

impl Tables {
    fn of(code: &Code<'_>, instructions: &[Instruction]) -> Self {
        let jumps =
            |instruction: &&Instruction| matches!(instruction.flow, Flow::Jump(Target::Unknown));
        if !instructions.iter().any(|instruction| jumps(&instruction)) {
            return Self(Vec::new());
        }
        let taken = instructions
            .iter()
            .enumerate()
            .filter_map(|(index, instruction)| {
                let table = instruction
                    .memory
                    .filter(|_| instruction.mnemonic() == "lea")?;
                Some((index, table))
            });
        let taken: Vec<_> = taken.collect();
        let mut starts: Vec<VirtualAddress> = taken.iter().map(|(_, table)| *table).collect();
        starts.sort_unstable();
        starts.dedup();
        // A function has at most as many entries as instructions, more or less: a bound for
        // tables that are none.
        let mut left = instructions.len().saturating_mul(4);
        let mut known: Vec<(VirtualAddress, Vec<VirtualAddress>)> = Vec::new();
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied();
            let entries = entries(code, instructions, *start, end, left);
            left -= entries.len();
            known.push((*start, entries));
        }
        let tables = taken.into_iter().filter_map(|(index, table)| {
            let found = known
                .binary_search_by_key(&table, |(start, _)| *start)
                .ok()?;
            let entries = &known.get(found)?.1;
            (!entries.is_empty()).then(|| (index, entries.clone()))
        });
        Self(tables.collect())
    }

    fn targets(&self, instructions: &[Instruction], jump: usize) -> Vec<VirtualAddress> {
        let before = self.0.partition_point(|(index, _)| *index < jump);
        let nearest = before
            .checked_sub(1)
            .and_then(|nearest| self.0.get(nearest));
        match nearest {
            Some((index, entries)) if jump - index <= NEAR => entries.clone(),
            // Bounded, since this may be asked for each jump of a large function.
            _ if self.0.len() <= 64 && instructions.len() < 1 << 20 => {
                let all = self
                    .0
                    .iter()
                    .flat_map(|(_, entries)| entries.iter().copied());
                all.collect()
            }
            _ => Vec::new(),
        }
    }
}

fn entries(
    code: &Code<'_>,
    instructions: &[Instruction],
    table: VirtualAddress,
    end: Option<VirtualAddress>,
    limit: usize,
) -> Vec<VirtualAddress> {
    let bytes = code.image.bytes_at(table).unwrap_or_default();
    let room = end.and_then(|end| end.checked_since(table));
    let room = room.and_then(|room| usize::try_from(room).ok());
    let bytes = room.and_then(|room| bytes.get(..room)).unwrap_or(bytes);
    let (words, _) = bytes.as_chunks::<4>();
    words
        .iter()
        .take(limit)
        .map_while(|word| {
            let distance = i64::from(code.image.u32(*word) as i32);
            let target = VirtualAddress(table.0.wrapping_add_signed(distance));
            instructions
                .binary_search_by_key(&target, |instruction| instruction.address)
                .ok()
                .map(|_| target)
        })
        .collect()
}

/// Whether a function of this name never comes back to its caller.
pub(super) fn never_returns(name: &str) -> bool {
    let last = names::last(name);
    let last = last.trim_start_matches('_');
    const WORDS: [&str; 22] = [
        "abort",
        "exit",
        "begin_panic",
        "begin_panic_handler",
        "rust_panic",
        "rust_begin_unwind",
        "resume_unwind",
        "Unwind_Resume",
        "stack_chk_fail",
        "assert_fail",
        "cxa_throw",
        "cxa_rethrow",
        "handle_alloc_error",
        "capacity_overflow",
        "handle_error",
        "assert_failed",
        "assert_failed_inner",
        "expect_failed",
        "unwrap_failed",
        "unreachable_display",
        "rust_foreign_exception",
        "abort_internal",
    ];
    WORDS.contains(&last)
        || name.starts_with("core::panicking::")
        || last.starts_with("panic")
        // `slice_index_fail`, `slice_error_fail`, `len_mismatch_fail`, …
        || (last.ends_with("_fail") && (name.starts_with("core::") || name.starts_with("alloc::")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_never_return() {
        for name in [
            "core::panicking::panic_bounds_check",
            "core::panicking::panic_const::panic_const_div_by_zero",
            "core::option::unwrap_failed",
            "core::slice::index::slice_end_index_len_fail",
            "core::slice::copy_from_slice_impl::len_mismatch_fail",
            "core::panicking::assert_failed::<usize, usize>",
            "alloc::raw_vec::handle_error",
            "_Unwind_Resume",
            "abort",
            "std::process::exit",
        ] {
            assert!(never_returns(name), "{name}");
        }
        for name in [
            "memcpy",
            "std::panicking::catch_unwind::do_call",
            "app::exit_code",
            "app::try_fail",
            "std::panic::catch_unwind::<()>",
        ] {
            assert!(!never_returns(name), "{name}");
        }
    }
}
