//! What functions of the system do, by their names.

use crate::analysis::select::path_of;

/// glibc's, musl's, jemalloc's, mimalloc's and std's own names.
pub(super) fn allocates(name: &str) -> bool {
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

/// std's sorts, and searches that compare by a function of the user's. One that caches its keys is
/// none.
pub(super) fn sorts(name: &str) -> bool {
    let path = path_of(name);
    let starts = [
        "core::slice::sort",
        "core::slice::binary_search",
        "alloc::slice::sort",
        "alloc::slice::stable_sort",
        "alloc::slice::merge_sort",
    ];
    let inherent =
        path.starts_with('[') && (path.contains("]::sort") || path.contains("]::binary_search"));
    (inherent || starts.iter().any(|start| path.starts_with(start))) && !path.contains("cached_key")
}

/// Growing a container: `Vec` and what is made of it, and hashbrown's tables.
pub(super) fn grows(name: &str) -> bool {
    let path = path_of(name);
    path.contains("reserve_rehash")
        || path.contains("::grow_one")
        || path.contains("::grow_amortized")
        || path.contains("::finish_grow")
        || path.contains("::do_reserve_and_handle")
        || path.contains("::reserve_for_push")
        || path.contains("::resize_inner")
        || path.contains("VecDeque") && path.ends_with("::grow")
}

/// Waiting for a lock of libc's, its own ones included.
pub(super) fn waits_in_libc(name: &str) -> bool {
    let plain = name.trim_start_matches('_');
    let plain = plain.strip_prefix("GI_").unwrap_or(plain);
    plain.trim_start_matches('_').starts_with("lll_lock_wa")
}

/// libc's names, and std's ways to clone.
pub(super) fn copies_memory(name: &str) -> bool {
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
            "core::slice::sort::unstable::quicksort::quicksort::<u8, _>",
            "<[u8]>::sort_by::<_>",
            "alloc::slice::<impl [T]>::sort_by_key",
            "<[u8]>::binary_search_by::<_>",
        ] {
            assert!(sorts(name), "{name}");
        }
        for name in [
            "<[u8]>::sort_by_cached_key::<_>",
            "app::sort",
            "<[u8]>::iter",
        ] {
            assert!(!sorts(name), "{name}");
        }
        for name in [
            "<alloc::raw_vec::RawVec<u8>>::grow_one",
            "<hashbrown::raw::RawTable<(u8, u8)>>::reserve_rehash::<_>",
            "<alloc::collections::vec_deque::VecDeque<u8>>::grow",
        ] {
            assert!(grows(name), "{name}");
        }
        for name in ["app::grow", "<alloc::vec::Vec<u8>>::push"] {
            assert!(!grows(name), "{name}");
        }
        assert!(waits_in_libc("__lll_lock_wait_private"));
        assert!(waits_in_libc("__GI___lll_lock_wake"));
        assert!(!waits_in_libc("pthread_mutex_lock"));
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
