//! A source line as people read it.

use crate::{analysis::asm::model::Asm, paths::tail};

/// `src/lib.rs:42`: the end of the path is what tells files apart.
pub(super) fn place(asm: &Asm, file: Option<usize>, line: Option<u32>) -> Option<String> {
    let file = tail(asm.file(file)?).to_owned();
    Some(match line {
        Some(line) => format!("{file}:{line}"),
        None => file,
    })
}
