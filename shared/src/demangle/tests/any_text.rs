//! What must hold for any text whatever: names made to cost, damaged ones, and what merely looks like
//! a name.

use super::{super::*, legacy, texts};
use object::{Object, ObjectSymbol};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Names made to cost: each must be done in a moment, and none may overflow the stack of a thread
/// as small as they come.
#[test]
fn bombs_are_defused() {
    // Tuples of two references to the tuple before: doubles with each.
    let mut doubling = "_RINvC1a1fh".to_owned();
    let mut last = base_62(8);
    for _ in 0..200 {
        let at = doubling.len() - 2;
        doubling.push_str(&format!("TB{last}B{last}E"));
        last = base_62(at);
    }
    doubling.push('E');
    // One long type, referred to over and over.
    let mut repeating = format!("_RINvC1a1fT{}E", "h".repeat(5000));
    repeating.push_str(&"B7_".repeat(5000));
    repeating.push('E');
    // An `impl` whose path, never shown, is long.
    let mut skipping = format!("_RINvC1a1fNvMNvC1a5000{}h1f", "x".repeat(5000));
    skipping.push_str(&"B7_".repeat(5000));
    skipping.push('E');
    let bombs = [
        doubling,
        repeating,
        skipping,
        format!("_RINvC1a1f{}h", "R".repeat(100_000)),
        format!("_R{}", "N".repeat(100_000)),
        format!("_RNv{}", "I".repeat(100_000)),
        "_RINvC1a1fB8_E".to_owned(),
        "_RB_".to_owned(),
        "_RNvYB0_C1a1f".to_owned(),
        "_RNvYhB3_1f".to_owned(),
        // Binders that bind the whole world.
        "_RINvC1a1fFGzzzzzzzzz_EuE".to_owned(),
        format!("_RNvC1au9000aa_{}", "b".repeat(8997)),
        format!("_ZN{}17h0123456789abcdefE", "1a".repeat(50_000)),
        format!("_ZN60000{}17h0123456789abcdefE", "$LT$".repeat(15_000)),
        format!("_ZN{}", "99999999999999999999"),
        format!("_Z{}", "S_".repeat(3000)),
        format!("_Z1f{}", "P".repeat(8000)),
        format!("_Z1f{}", "I".repeat(8000)),
    ];
    let work = move || {
        for bomb in bombs {
            let start = Instant::now();
            let name = Name::parse(&bomb);
            let (_, _) = (name.defining(), name.instantiating());
            let longest = texts(&bomb).iter().map(String::len).max().unwrap_or(0);
            assert!(
                longest <= 20_000 + 400 * bomb.len(),
                "{longest}: {}",
                &bomb[..60.min(bomb.len())]
            );
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "{}",
                &bomb[..60.min(bomb.len())]
            );
        }
    };
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

/// A number as back references write it.
fn base_62(value: usize) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let Some(mut rest) = value.checked_sub(1) else {
        return "_".into();
    };
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[rest % 62]));
        rest /= 62;
        if rest == 0 {
            return digits.iter().rev().chain(&['_']).collect();
        }
    }
}

/// The names in this very test program: its own are legacy or v0, as the compiler does by default.
fn own_names() -> Vec<String> {
    let data = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*data).unwrap();
    file.symbols()
        .filter_map(|s| s.name().ok().map(str::to_owned))
        .collect()
}

/// Before anything is normalised, legacy elements read as `rustc-demangle` reads them.
#[test]
fn legacy_elements_agree_with_the_witness() {
    let mut names = own_names();
    names.push(legacy(&["a", "_$LT$impl$u20$b..C$u20$for$u20$u8$GT$", "f"]));
    let mut compared = 0;
    for symbol in &names {
        let Some((name, ending)) = legacy::Symbol::parse(symbol) else {
            continue;
        };
        let mut plain = String::new();
        name.write_plain(&mut plain);
        let bare = &symbol[..symbol.len() - ending.len()];
        // We know that `.>` was `->`.
        let witness = format!("{:#}", rustc_demangle::demangle(bare)).replace(".>", "->");
        assert_eq!(plain, witness, "{symbol}");
        compared += 1;
    }
    assert!(compared > 0);
}

/// What must hold for any text whatever.
fn holds(symbol: &str) {
    let name = Name::parse(symbol);
    assert_eq!(name.symbol(), symbol);
    assert!(symbol.ends_with(name.suffix()));
    let exact = name.defining_is_exact();
    assert!(!exact || name.defining().is_some());
    let _ = (name.instantiating(), name.is_generic());
    // Texts are appended, and what was there stays.
    for write in [
        Name::write_full,
        Name::write_short,
        Name::write_family,
        Name::write_family_key,
    ] {
        let mut out = "é".to_owned();
        write(&name, &mut out);
        assert!(out.starts_with('é'));
        assert!(out.len() < 100_000 + 400 * symbol.len());
    }
}

proptest! {
    #[test]
    fn any_text_is_a_name(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn anything_like_v0_is_a_name(text in "_R[CNMXYIBTDFKLRQSAEGspuhe_0-9a-c]{0,80}") {
        holds(&text);
    }

    #[test]
    fn anything_like_legacy_is_a_name(
        elements in prop::collection::vec("([a-z<>]|\\.\\.|\\.|\\$LT\\$|\\$GT\\$|\\$u20\\$(as|for)\\$u20\\$|_\\$LT\\$impl\\$u20\\$|\\$C\\$|\\$u5b\\$|\\$LP\\$|\\$RP\\$|\\$u2b\\$|\\$u3000\\$|fn\\$LP\\$|\\$u7b\\$|\\$){1,12}", 1..5),
    ) {
        let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
        holds(&legacy(&elements));
    }

    #[test]
    fn anything_like_cpp_is_a_name(text in "_Z[NSTKPRILEJDdiv_0-9a-c]{0,80}") {
        holds(&text);
    }
}

/// Real names with bytes changed, cut and doubled.
#[test]
fn damaged_names_are_names() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let names = own_names();
    let mut runner = TestRunner::deterministic();
    let strategy = (
        0..names.len(),
        any::<prop::sample::Index>(),
        "[ -~é]{0,3}",
        0usize..4,
    );
    let start = Instant::now();
    for _ in 0..20_000 {
        let (which, at, new, cut) = strategy.new_tree(&mut runner).unwrap().current();
        let name = &names[which];
        let mut at = at.index(name.len() + 1);
        while !name.is_char_boundary(at) {
            at -= 1;
        }
        let mut end = (at + cut).min(name.len());
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut damaged = name.clone();
        damaged.replace_range(at..end.max(at), &new);
        holds(&damaged);
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}
