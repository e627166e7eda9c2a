//! Names that were spelled out before they got here.

use super::{super::*, krate};

/// What `rustc-demangle` spells out is the name that it was, as far as its text tells.
#[test]
fn spelled_names_are_those_that_they_were() {
    for (spelled, texts, root, exact) in [
        (
            "a[1f]::m::run::<u8, b[2]::T<u8>>::{closure#0}",
            [
                "a::m::run::<u8, b::T<u8>>::{closure#0}",
                "run::<u8, T<u8>>::{closure#0}",
                "a::m::run::{closure#0}",
                "a[1f]::m::run::{closure#0}",
            ],
            krate("a", Some(0x1f)),
            true,
        ),
        (
            "<alloc[2]::vec::Vec<u8>>::push",
            [
                "<alloc::vec::Vec<u8>>::push",
                "Vec<u8>::push",
                "alloc::vec::Vec::push",
                "alloc[2]::vec::Vec::push",
            ],
            krate("alloc", Some(2)),
            true,
        ),
        (
            "<a[1]::Foo<u8> as core[9]::fmt::Debug>::fmt",
            [
                "<a::Foo<u8> as core::fmt::Debug>::fmt",
                "<Foo<u8> as Debug>::fmt",
                "<a::Foo as core::fmt::Debug>::fmt",
                "<a[1]::Foo as core[9]::fmt::Debug>::fmt",
            ],
            krate("a", Some(1)),
            false,
        ),
        (
            "<&mut core[9]::fmt::Formatter as serde[8001c90c4a34cd23]::Serializer>::end",
            [
                "<&mut core::fmt::Formatter as serde::Serializer>::end",
                "<&mut Formatter as Serializer>::end",
                "<&mut _ as serde::Serializer>::end",
                "<&mut _ as serde[8001c90c4a34cd23]::Serializer>::end",
            ],
            krate("serde", Some(0x8001_c90c_4a34_cd23)),
            false,
        ),
        (
            "<[a[1]::T]>::concat",
            [
                "<[a::T]>::concat",
                "<[T]>::concat",
                "<[_]>::concat",
                "<[_]>::concat",
            ],
            krate("core", None),
            false,
        ),
        (
            "alloc::vec::Vec<T,A>::push::h0c8e6284f53be3e1",
            [
                "<alloc::vec::Vec<T, A>>::push",
                "Vec<T, A>::push",
                "alloc::vec::Vec::push",
                "alloc::vec::Vec::push",
            ],
            krate("alloc", None),
            true,
        ),
        (
            "<core::marker::PhantomData<T> as serde::de::Seed>::{{closure}}::h0c8e6284f53be3e1",
            [
                "<core::marker::PhantomData<T> as serde::de::Seed>::{closure}",
                "<PhantomData<T> as Seed>::{closure}",
                "<core::marker::PhantomData as serde::de::Seed>::{closure}",
                "<core::marker::PhantomData as serde::de::Seed>::{closure}",
            ],
            krate("serde", None),
            false,
        ),
        (
            "core::fmt::num::<impl core::fmt::Debug for u32>::fmt::h0c8e6284f53be3e1",
            [
                "<u32 as core::fmt::Debug>::fmt",
                "<u32 as Debug>::fmt",
                "<u32 as core::fmt::Debug>::fmt",
                "<u32 as core::fmt::Debug>::fmt",
            ],
            krate("core", None),
            true,
        ),
    ] {
        let name = Name::parse(spelled);
        assert_eq!(super::texts(spelled), texts, "{spelled}");
        assert_eq!(name.defining(), Some(root), "{spelled}");
        assert_eq!(name.defining_is_exact(), exact, "{spelled}");
    }
    for other in ["std::sort(int[4])", "a[1].b::c", "ns::h0123", "[1]::x"] {
        assert_eq!(Name::parse(other).scheme(), Scheme::Other, "{other}");
    }
}
