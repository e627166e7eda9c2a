//! Time in the allocator, and in copying memory, when one function asks for it.

use codecost::attribution::Origin;

use super::{
    command::callees,
    groups::{self, Role, Spent},
};
use crate::analysis::{model::Finding, select::path_of, shares::Shares, subject::Subject};

/// One function must ask for at least this part of the group's time to be the one.
const ONE_CALLER: f64 = 0.5;

pub(super) fn allocator(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = groups::measure(shares, |function, owner| {
        if owner.system && allocates(&function.name) {
            Role::Member
        } else {
            groups::usual(owner)
        }
    });
    one_caller(
        subject,
        shares,
        &spent,
        "allocator",
        "time in the allocator",
        "memory that is kept and used again (`with_capacity`, `clear`, a buffer outside the loop) \
         is not allocated again",
    )
}

pub(super) fn copies(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = groups::measure(shares, |function, owner| {
        if owner.system && copies_memory(&function.name) {
            Role::Member
        } else if owner.origin == Origin::Kernel
            || owner.system && (allocates(&function.name) || sorts(&function.name))
        {
            // New memory that the first copy into it makes the kernel bring, and what is moved
            // about to be put in order, are not copies that anybody asked for.
            Role::Other
        } else {
            groups::usual(owner)
        }
    });
    one_caller(
        subject,
        shares,
        &spent,
        "copies",
        "time in copying and cloning",
        "a reference, a move or a smaller type copies less",
    )
}

fn one_caller(
    subject: &Subject<'_>,
    shares: &Shares<'_>,
    spent: &Spent,
    code: &'static str,
    what: &str,
    advice: &str,
) -> Option<Finding> {
    let first = spent.requesters.first()?;
    if (first.time.period as f64) < ONE_CALLER * spent.all.period as f64 {
        return None;
    }
    Some(Finding {
        code,
        title: format!("{what}, most of it for `{}`", first.function),
        time: first.time.period,
        evidence: vec![first.evidence(shares.total), advice.to_owned()],
        command: callees(&first.function, subject),
    })
}

/// glibc's, musl's, jemalloc's, mimalloc's and std's own names.
fn allocates(name: &str) -> bool {
    let path = path_of(name);
    let plain = path.trim_start_matches('_');
    let plain = plain.strip_prefix("libc_").unwrap_or(plain);
    let plain = plain
        .strip_prefix("GI_")
        .unwrap_or(plain)
        .trim_start_matches('_');
    let plain = plain.strip_prefix("libc_").unwrap_or(plain);
    const NAMES: [&str; 24] = [
        "malloc",
        "free",
        "cfree",
        "calloc",
        "realloc",
        "memalign",
        "aligned_alloc",
        "posix_memalign",
        "int_malloc",
        "int_free",
        "int_realloc",
        "int_memalign",
        "int_free_chunk",
        "int_free_merge_chunk",
        "int_free_create_chunk",
        "malloc_consolidate",
        "unlink_chunk",
        "sysmalloc",
        "systrim",
        "tcache_init",
        "rust_alloc",
        "rust_dealloc",
        "rust_realloc",
        "rust_alloc_zeroed",
    ];
    let symbol = plain.split(['.', '@']).next().unwrap_or(plain);
    NAMES.contains(&symbol)
        || ["je_", "rjem_", "mi_", "rdl_", "alloc::alloc::", "_rust_"]
            .iter()
            .any(|prefix| plain.starts_with(prefix))
        || path.starts_with("alloc::alloc::")
        || path.contains(" as core::alloc::")
        || path.starts_with("__rustc::__r")
}

fn sorts(name: &str) -> bool {
    path_of(name).starts_with("core::slice::sort")
}

/// libc's names, and std's ways to clone.
fn copies_memory(name: &str) -> bool {
    let path = path_of(name);
    let plain = path.trim_start_matches('_');
    plain.starts_with("memcpy")
        || plain.starts_with("memmove")
        || plain.starts_with("mempcpy")
        || path.ends_with(" as core::clone::Clone>::clone")
        || path.ends_with("::to_vec")
        || path.ends_with("::to_owned")
        || path.starts_with("core::intrinsics::copy")
        || path.starts_with("core::ptr::copy")
        || path.contains("::copy_from_slice")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_allocators_and_copies() {
        for name in [
            "malloc",
            "_int_malloc",
            "__libc_malloc",
            "__GI___libc_free",
            "cfree@GLIBC_2.2.5",
            "unlink_chunk.isra.0",
            "alloc::alloc::alloc",
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
            "__rustc::__rust_alloc",
            "__rdl_alloc",
            "_rjem_malloc",
            "mi_malloc",
        ] {
            assert!(allocates(name), "{name}");
        }
        for name in [
            "alloc::vec::Vec::push",
            "mallory",
            "freeze",
            "core::fmt::write",
        ] {
            assert!(!allocates(name), "{name}");
        }
        for name in [
            "__memmove_avx_unaligned_erms",
            "memcpy",
            "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
            "<[u8]>::to_vec",
        ] {
            assert!(copies_memory(name), "{name}");
        }
        for name in ["memchr", "core::clone::Clone", "memset"] {
            assert!(!copies_memory(name), "{name}");
        }
    }
}
