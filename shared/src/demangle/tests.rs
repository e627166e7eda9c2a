mod any_text;
mod spelled;

use super::*;

fn krate(name: &str, disambiguator: Option<u64>) -> CrateRef<'_> {
    CrateRef {
        name: name.into(),
        disambiguator,
    }
}

/// All texts of a name: full, short, family, key.
fn texts(symbol: &str) -> [String; 4] {
    let name = Name::parse(symbol);
    [name.full(), name.short(), name.family(), name.family_key()]
}

/// The text of a type, as the argument of a function in crate `a`. Positions, for back
/// references: `INvC1a1f` are 8 bytes, the type starts at 8.
fn ty(mangled: &str) -> String {
    let full = Name::parse(&format!("_RINvC1a1f{mangled}E")).full();
    match full
        .strip_prefix("a::f::<")
        .and_then(|f| f.strip_suffix('>'))
    {
        Some(inner) => inner.to_owned(),
        None => full,
    }
}

#[test]
fn v0_paths_in_every_style() {
    let cases = [
        // A plain function; crate hash s_ is 1.
        ("_RNvNtCs_1a1m1f", ["a::m::f", "f", "a::m::f", "a[1]::m::f"]),
        // An inherent method of a generic type: `impl#1` stands in `m`.
        (
            "_RNvMs_NtC1a1mINtB4_1ThE1f",
            [
                "<a::m::T<u8>>::f",
                "T<u8>::f",
                "a::m::T::f",
                "a::m::{impl#1}::f",
            ],
        ),
        // Of a basic type and of a built one.
        (
            "_RNvMC4coree1f",
            ["<str>::f", "str::f", "str::f", "core::{impl#0}::f"],
        ),
        (
            "_RNvMC4coreSh1f",
            ["<[u8]>::f", "<[u8]>::f", "<[_]>::f", "core::{impl#0}::f"],
        ),
        // A trait method: the `impl` stands in `a`.
        (
            "_RNvXs0_C1aNtC1b1TNtC1c5Trait1f",
            [
                "<b::T as c::Trait>::f",
                "<T as Trait>::f",
                "<b::T as c::Trait>::f",
                "a::{impl#2}::f",
            ],
        ),
        // A default method.
        (
            "_RNvYNtC1b1TNtNtC1c1m5Trait1f",
            [
                "<b::T as c::m::Trait>::f",
                "<T as Trait>::f",
                "c::m::Trait::f",
                "c::m::Trait::f",
            ],
        ),
        // Closures, in each other, of a generic function.
        (
            "_RNCNCINvNtC1a1m1fhE0s_0",
            [
                "a::m::f::<u8>::{closure#0}::{closure#1}",
                "f::<u8>::{closure#0}::{closure#1}",
                "a::m::f::{closure#0}::{closure#1}",
                "a::m::f::{closure#0}::{closure#1}",
            ],
        ),
        // A function in a method, and two of one name.
        (
            "_RNvNvMC1aNtC1a1T1f1g",
            ["<a::T>::f::g", "g", "a::T::f::g", "a::{impl#0}::f::g"],
        ),
        ("_RNvNvC1a1fs_1g", ["a::f::g", "g", "a::f::g", "a::f::g#1"]),
        // Shims with and without names; a namespace of its own.
        (
            "_RNSNvC1a1f6vtable",
            [
                "a::f::{shim:vtable#0}",
                "f::{shim:vtable#0}",
                "a::f::{shim:vtable#0}",
                "a::f::{shim:vtable#0}",
            ],
        ),
        (
            "_RNYC1a1x",
            ["a::{Y:x#0}", "a::{Y:x#0}", "a::{Y:x#0}", "a::{Y:x#0}"],
        ),
        // The allocator's.
        (
            "_RNvCsgCOL1bwbh3Y_7___rustc12___rust_alloc",
            [
                "__rustc::__rust_alloc",
                "__rust_alloc",
                "__rustc::__rust_alloc",
                "__rustc[9fc74b3a9fa2bb1e]::__rust_alloc",
            ],
        ),
        // Drop glue.
        (
            "_RINvNtC4core3ptr13drop_in_placeNtC1a1TEC1b",
            [
                "core::ptr::drop_in_place::<a::T>",
                "drop_in_place::<T>",
                "core::ptr::drop_in_place",
                "core::ptr::drop_in_place",
            ],
        ),
    ];
    for (symbol, expected) in cases {
        let found = texts(symbol);
        // The witness has no other style; the hash of `___rustc` above is its, too.
        assert_eq!(
            format!("{:#}", rustc_demangle::demangle(symbol)),
            expected[0],
            "{symbol}"
        );
        if symbol.contains("___rustc") {
            assert_eq!(found[..3], expected[..3], "{symbol}");
            let witness = rustc_demangle::demangle(symbol).to_string();
            assert_eq!(found[3], witness);
        } else {
            assert_eq!(found, expected, "{symbol}");
        }
    }
}

#[test]
fn v0_types_and_constants() {
    let cases = [
        ("h", "u8"),
        ("RNtC1b1T", "&b::T"),
        ("QDNtC1b1AEL_", "&mut dyn b::A"),
        (
            "DG_INtC1b2FnTRL0_hEEp6OutputbEL_",
            "dyn for<'a> b::Fn<(&'a u8,), Output = bool>",
        ),
        ("DNtC1b1ANtC1b4SendEL_", "dyn b::A + b::Send"),
        ("PO_", "*const *mut _"),
        ("POu", "*const *mut ()"),
        ("TE", "()"),
        ("ThE", "(u8,)"),
        ("ThtE", "(u8, u16)"),
        ("Ahj20_", "[u8; 32]"),
        ("FUKCPhEz", "unsafe extern \"C\" fn(*const u8) -> !"),
        ("FK15system_unwindhEu", "extern \"system-unwind\" fn(u8)"),
        ("FhEb", "fn(u8) -> bool"),
        ("FG0_RL0_hRL1_hEu", "for<'a, 'b> fn(&'b u8, &'a u8)"),
        ("Kj7b_", "123"),
        ("Kin7b_", "-123"),
        ("Ko123456789abcdef012_", "0x123456789abcdef012"),
        ("Kb1_", "true"),
        ("Kc41_", "'A'"),
        ("Kc27_", "'\\''"),
        ("Ke616263_", "{*\"abc\"}"),
        ("KRe22c3a4_", "\"\\\"ä\""),
        ("KAj1_j2_E", "{[1, 2]}"),
        ("KTj1_E", "{(1,)}"),
        ("KVNtC1b1SS1xj1_E", "{b::S { x: 1 }}"),
        ("KVNvC1b1VTKh1_E", "{"),
        ("Kp", "_"),
        // Back to `C1a`, and to the type before.
        ("NtB2_1T", "a::T"),
        ("INtC1b1VhEB7_", "b::V<u8>, b::V<u8>"),
        // An identifier in Unicode.
        ("NtC1bu8gdel_5qa", "b::gödel"),
    ];
    for (mangled, expected) in cases {
        let symbol = format!("_RINvC1a1f{mangled}E");
        match rustc_demangle::try_demangle(&symbol) {
            Ok(witness) if expected != "{" => {
                assert_eq!(ty(mangled), expected, "{symbol}");
                assert_eq!(
                    format!("{witness:#}"),
                    format!("a::f::<{expected}>"),
                    "{symbol}"
                );
            }
            _ => assert_eq!(Name::parse(&symbol).scheme(), Scheme::Other, "{symbol}"),
        }
    }
}

#[test]
fn whose_a_v0_name_is() {
    let cases = [
        ("_RNvCs1_1a1f", krate("a", Some(3)), None),
        ("_RNvC1a1f", krate("a", None), None),
        ("_RINvC1a1fhEC1b", krate("a", None), Some("b")),
        // Instantiated by a crate named only by a back reference (to `C1b`).
        ("_RINvC1a1fNtC1b1TEB9_", krate("a", None), Some("b")),
        // The impl's crate, not the type's or the trait's.
        ("_RNvXC1aNtC1b1TNtC1c5Trait1f", krate("a", None), None),
        ("_RNCNvXC1aNtC1b1TNtC1c5Trait1f0", krate("a", None), None),
        ("_RNvMC1aNtC1b1T1f", krate("a", None), None),
        // A default body: the trait's, also where the type is a bomb or hard to pass.
        ("_RNvYNtC1b1TNtC1c5Trait1f", krate("c", None), None),
        ("_RNvYDNtC1b1AEL_NtC1c5Trait1f", krate("c", None), None),
        // Calls of closures and functions belong to them; of pointers to `core`.
        (
            "_RNvYNCNvC1a1f0INtNtNtC4core3ops8function6FnOnceuE9call_onceB6_",
            krate("a", None),
            Some("a"),
        ),
        (
            "_RNSNvYNCNvC1a1f0INtNtNtC4core3ops8function6FnOnceuE9call_once6vtableB6_",
            krate("a", None),
            Some("a"),
        ),
        (
            "_RNvYFEuINtNtNtC4core3ops8function6FnOnceuE9call_onceC1b",
            krate("core", None),
            Some("b"),
        ),
        (
            "_RINvNtC4core3ptr13drop_in_placeNtC1a1TEC1b",
            krate("core", None),
            Some("b"),
        ),
        ("_RNvCu8gdel_5qa1f", krate("gödel", None), None),
    ];
    for (symbol, defining, instantiating) in cases {
        let name = Name::parse(symbol);
        assert_eq!(name.scheme(), Scheme::V0, "{symbol}");
        assert_eq!(name.defining(), Some(defining), "{symbol}");
        assert!(name.defining_is_exact(), "{symbol}");
        assert_eq!(
            name.instantiating().map(|c| c.name.into_owned()).as_deref(),
            instantiating
        );
    }
}

#[test]
fn generic_as_far_as_the_name_shows_it() {
    let cases = [
        ("_RNvC1a1f", false),
        ("_RINvC1a1fhE", true),
        ("_RNCINvC1a1fhE0", true),
        ("_RNvMC1aNtC1a1T1f", false),
        ("_RNvMC1aINtC1a1ThE1f", true),
        ("_RNvYNtC1b1TNtC1c5Trait1f", true),
        ("_ZN1a1f17h0123456789abcdefE", false),
        ("_ZN1a10T$LT$U$GT$1f17h0123456789abcdefE", true),
    ];
    for (symbol, generic) in cases {
        assert_eq!(Name::parse(symbol).is_generic(), generic, "{symbol}");
    }
}

/// Builds a legacy name from its elements.
fn legacy(elements: &[&str]) -> String {
    let mut symbol = "_ZN".to_owned();
    for element in elements.iter().chain(&["h0123456789abcdef"]) {
        symbol.push_str(&element.len().to_string());
        symbol.push_str(element);
    }
    symbol + "E"
}

/// Elements; full, short and family; the crate, and whether that is certain.
type LegacyCase = (
    &'static [&'static str],
    [&'static str; 3],
    Option<&'static str>,
    bool,
);

#[test]
fn legacy_names_in_the_same_form() {
    let cases: &[LegacyCase] = &[
        (
            &["a", "m", "f"],
            ["a::m::f", "f", "a::m::f"],
            Some("a"),
            true,
        ),
        (
            &["alloc", "vec", "Vec$LT$T$C$A$GT$", "push"],
            [
                "<alloc::vec::Vec<T, A>>::push",
                "Vec<T, A>::push",
                "alloc::vec::Vec::push",
            ],
            Some("alloc"),
            true,
        ),
        (
            &[
                "_$LT$alloc..vec..Vec$LT$T$C$A$GT$$u20$as$u20$core..ops..drop..Drop$GT$",
                "drop",
            ],
            [
                "<alloc::vec::Vec<T, A> as core::ops::drop::Drop>::drop",
                "<Vec<T, A> as Drop>::drop",
                "<alloc::vec::Vec as core::ops::drop::Drop>::drop",
            ],
            Some("alloc"),
            false,
        ),
        (
            &[
                "core",
                "fmt",
                "num",
                "_$LT$impl$u20$core..fmt..Debug$u20$for$u20$u32$GT$",
                "fmt",
            ],
            [
                "<u32 as core::fmt::Debug>::fmt",
                "<u32 as Debug>::fmt",
                "<u32 as core::fmt::Debug>::fmt",
            ],
            Some("core"),
            true,
        ),
        (
            &["core", "str", "_$LT$impl$u20$str$GT$", "len"],
            ["<str>::len", "str::len", "str::len"],
            Some("core"),
            true,
        ),
        (
            &["alloc", "slice", "_$LT$impl$u20$$u5b$T$u5d$$GT$", "sort"],
            ["<[T]>::sort", "<[T]>::sort", "<[_]>::sort"],
            Some("alloc"),
            true,
        ),
        (
            &[
                "_$LT$$RF$mut$u20$T$u20$as$u20$a..Trait$LT$b..C$C$$LP$D$C$E$RP$$GT$$GT$",
                "f",
            ],
            [
                "<&mut T as a::Trait<b::C, (D, E)>>::f",
                "<&mut T as Trait<C, (D, E)>>::f",
                "<&mut _ as a::Trait>::f",
            ],
            Some("a"),
            false,
        ),
        // Coherence: a foreign type's impl of one's own trait.
        (
            &["_$LT$alloc..string..String$u20$as$u20$a..Trait$GT$", "f"],
            [
                "<alloc::string::String as a::Trait>::f",
                "<String as Trait>::f",
                "<alloc::string::String as a::Trait>::f",
            ],
            Some("a"),
            false,
        ),
        (
            &[
                "a",
                "f",
                "_$u7b$$u7b$closure$u7d$$u7d$",
                "_$u7b$$u7b$closure$u7d$$u7d$",
            ],
            [
                "a::f::{closure}::{closure}",
                "f::{closure}::{closure}",
                "a::f::{closure}::{closure}",
            ],
            Some("a"),
            true,
        ),
        (
            &[
                "core",
                "ops",
                "function",
                "FnOnce",
                "call_once$u7b$$u7b$vtable.shim$u7d$$u7d$",
            ],
            [
                "core::ops::function::FnOnce::call_once::{shim:vtable#0}",
                "FnOnce::call_once::{shim:vtable#0}",
                "core::ops::function::FnOnce::call_once::{shim:vtable#0}",
            ],
            Some("core"),
            false,
        ),
        (
            &[
                "core",
                "ptr",
                "drop_in_place$LT$alloc..vec..Vec$LT$a..b..T$GT$$GT$",
            ],
            [
                "core::ptr::drop_in_place::<alloc::vec::Vec<a::b::T>>",
                "drop_in_place::<Vec<T>>",
                "core::ptr::drop_in_place",
            ],
            Some("core"),
            true,
        ),
        (
            &[
                "core",
                "ptr",
                "drop_in_place$LT$a..f..$u7b$$u7b$closure$u7d$$u7d$$GT$",
            ],
            [
                "core::ptr::drop_in_place::<a::f::{closure}>",
                "drop_in_place::<f::{closure}>",
                "core::ptr::drop_in_place",
            ],
            Some("core"),
            true,
        ),
        (
            &[
                "_$LT$fn$LP$a..A$RP$$u20$.$GT$$u20$b..B$u20$as$u20$c..D$GT$",
                "f",
            ],
            [
                "<fn(a::A) -> b::B as c::D>::f",
                "<fn(A) -> B as D>::f",
                "<fn(_) -> _ as c::D>::f",
            ],
            Some("c"),
            false,
        ),
        (
            &[
                "core",
                "any",
                "_$LT$impl$u20$dyn$u20$core..any..Any$u2b$core..marker..Send$GT$",
                "is",
            ],
            [
                "<dyn core::any::Any + core::marker::Send>::is",
                "<dyn Any + Send>::is",
                "<dyn core::any::Any + core::marker::Send>::is",
            ],
            Some("core"),
            true,
        ),
    ];
    for (elements, expected, defining, exact) in cases {
        let symbol = legacy(elements);
        let name = Name::parse(&symbol);
        assert_eq!(name.scheme(), Scheme::Legacy, "{symbol}");
        let found = [name.full(), name.short(), name.family()];
        assert_eq!(found, *expected, "{symbol}");
        assert_eq!(name.family_key(), expected[2]);
        assert_eq!(
            name.defining().map(|c| c.name.into_owned()).as_deref(),
            *defining,
            "{symbol}"
        );
        assert_eq!(name.defining_is_exact(), *exact, "{symbol}");
        assert_eq!(name.instantiating(), None);
    }
}

#[test]
fn other_languages_and_endings() {
    let cases = [
        ("main", Scheme::Other, "main", Part::Whole),
        ("memcpy@@GLIBC_2.14", Scheme::Other, "memcpy", Part::Whole),
        ("memcpy@plt", Scheme::Other, "memcpy [plt]", Part::Plt),
        (
            "OUTLINED_FUNCTION_12",
            Scheme::Other,
            "OUTLINED_FUNCTION_12 [outlined]",
            Part::Outlined,
        ),
        ("", Scheme::Other, "", Part::Whole),
        ("_R", Scheme::Other, "_R", Part::Whole),
        ("_RN", Scheme::Other, "_RN", Part::Whole),
        ("_Z", Scheme::Other, "_Z", Part::Whole),
        // A later version of v0 would have a number here.
        ("_R1NvC1a1f", Scheme::Other, "_R1NvC1a1f", Part::Whole),
        ("_RNvC1a1fé", Scheme::Other, "_RNvC1a1fé", Part::Whole),
        // Trailing text that is no ending.
        ("_RNvC1a1f!", Scheme::Other, "_RNvC1a1f!", Part::Whole),
        ("_RNvC1a1f.llvm.1234", Scheme::V0, "a::f", Part::Whole),
        (
            "_RNvC1a1f.llvm.1234.cold.1",
            Scheme::V0,
            "a::f [cold]",
            Part::Cold,
        ),
        ("_RNvC1a1f.warm", Scheme::V0, "a::f", Part::Warm),
        ("__RNvC1a1f", Scheme::V0, "a::f", Part::Whole),
        (
            "_ZN1a1f17h0123456789abcdefE.cold",
            Scheme::Legacy,
            "a::f [cold]",
            Part::Cold,
        ),
        (
            "__ZN1a1f17h0123456789abcdefE",
            Scheme::Legacy,
            "a::f",
            Part::Whole,
        ),
        // C++, not legacy: no hash.
        ("_ZN1a1fE", Scheme::Cpp, "a::f", Part::Whole),
        ("_ZN1a1fEi", Scheme::Cpp, "a::f(int)", Part::Whole),
        (
            "_ZN1a1fEi.part.0",
            Scheme::Cpp,
            "a::f(int) [outlined]",
            Part::Outlined,
        ),
        ("_Zz", Scheme::Cpp, "_Zz", Part::Whole),
    ];
    for (symbol, scheme, full, part) in cases {
        let name = Name::parse(symbol);
        assert_eq!((name.scheme(), name.part()), (scheme, part), "{symbol}");
        assert_eq!(name.full(), full, "{symbol}");
        assert_eq!(name.symbol(), symbol);
    }
    // The family has neither part nor parameters.
    assert_eq!(Name::parse("_ZN1a1fEi.part.0").family(), "a::f");
    assert_eq!(Name::parse("_RNvC1a1f.cold").family(), "a::f");
    assert_eq!(Name::parse("_RNvC1a1f.cold").suffix(), ".cold");
}
