//! Where loops are written, and that `asm` and `loops` say the same of each.

use super::{recorded, run};
use cargo_hotspots::{
    analysis::{
        Subject,
        asm::{FUNCTIONS, LoopQuery, Query, SourceRoots, asm, loops, model::Card},
    },
    perf_data,
    profile::Profile,
    recording::Recording,
    symbolize::symbolize,
    symbols::Symbols,
};
use codecost::{
    attribution::{Catalogue, Origin},
    disasm::Syntax,
};
use std::process::Command;

/// The outermost loop begins in code that was inlined into it, and sets memory once in a round.
const PROGRAM: &str = r#"
#include <string.h>
static unsigned table[4096];
static inline __attribute__((always_inline)) unsigned long choose(unsigned long x) {
    if (x & 1)
        x ^= 0x55;
    return x + table[x & 4095];
}
__attribute__((noinline)) unsigned long optimal(unsigned long rounds) {
    unsigned long x = rounds;
    do { /* the outer loop */
        x = choose(x);
        memset(table, 0, sizeof table);
        for (int i = 0; i < 3000000; i++) { /* the inner loop */
            table[x & 4095]++;
            x = x * 6364136223846793005ul + 1;
        }
    } while (--rounds);
    return x;
}
int main(void) { return optimal(100) & 1; }
"#;

fn cards(profile: &Profile, symbols: &Symbols, own: bool) -> Vec<Card> {
    let recording = Recording {
        data: "perf.data".into(),
        about: None,
    };
    let subject = Subject {
        profile,
        symbols,
        recording: &recording,
        settings: None,
        input_flag: String::new(),
    };
    let query = LoopQuery {
        roots: SourceRoots::of_this_machine(),
        syntax: Syntax::default(),
        model: false,
        functions: FUNCTIONS,
        own,
    };
    loops(&subject, &query).unwrap().rows
}

fn assert_agree(profile: &Profile, symbols: &Symbols) -> usize {
    let cards = cards(profile, symbols, false);
    for card in &cards {
        let found = asm(profile, symbols, &Query::of(&card.symbol)).unwrap();
        let same = found.loops.iter().find(|row| row.header == card.header);
        let row = same.unwrap_or_else(|| panic!("{} {:?}", card.symbol, card.header));
        let file = row.file.map(|file| found.files[file].clone());
        assert_eq!(
            (&file, row.line),
            (&card.file, card.line),
            "{}",
            card.symbol
        );
        assert_eq!(row.depth, card.depth);
        assert_eq!(
            (row.instructions, row.without_inner),
            (card.with_inner, card.instructions)
        );
    }
    cards.len()
}

#[test]
fn both_views_have_one_place_and_one_size_for_a_loop() {
    let recorded = recorded();
    assert!(assert_agree(&recorded.profile, &recorded.symbols) > 5);
}

/// The findings decode only what the workspace's code ran in: that loses none of its loops.
#[test]
fn the_loops_of_the_workspace_are_the_same_without_all_others() {
    let profile = &recorded().profile;
    let mut symbols = symbolize(profile, &Catalogue::empty());
    let program = symbols.crates.iter_mut().find(|owner| owner.name == "hot");
    program.unwrap().origin = Origin::Workspace;
    let of_workspace = |own: bool| -> Vec<_> {
        let cards = cards(profile, &symbols, own).into_iter();
        let own = cards.filter(|card| {
            let owner = card.owner.as_ref();
            owner.is_some_and(|owner| owner.origin == Origin::Workspace)
        });
        own.map(|card| (card.symbol, card.header, card.own.samples, card.line))
            .collect()
    };
    let found = of_workspace(true);
    assert_eq!(found, of_workspace(false));
    assert!(found.len() > 3, "{found:?}");
}

#[test]
fn a_loop_is_where_its_text_is_whatever_was_inlined_at_its_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("optimal.c"), PROGRAM).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-g", "-fno-tree-vectorize", "-o"]);
    run(gcc.arg(path("optimal")).arg(path("optimal.c")));
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-e", "cpu-clock:u", "-F", "1999", "-o"]);
    run(perf.arg(path("perf.data")).arg(path("optimal")));
    let profile = perf_data::read(&path("perf.data"), &[], false).unwrap();
    let symbols = symbolize(&profile, &Catalogue::empty());
    assert!(assert_agree(&profile, &symbols) > 0);

    let found = asm(&profile, &symbols, &Query::of("optimal")).unwrap();
    let line = |text: &str| {
        PROGRAM
            .lines()
            .position(|line| line.contains(text))
            .unwrap() as u32
            + 1
    };
    let (outer, inner) = (line("the outer loop"), line("the inner loop"));
    let depth = |depth: u32| found.loops.iter().find(|row| row.depth == depth).unwrap();
    let begins = depth(1).line.unwrap();
    assert!((outer..=inner).contains(&begins), "{:?}", found.loops);
    let begins = depth(2).line.unwrap();
    assert!((inner..=inner + 2).contains(&begins), "{:?}", found.loops);
    for row in &found.loops {
        let file = &found.files[row.file.unwrap()];
        assert!(file.ends_with("optimal.c"), "{file}");
    }
}
