//! What other tools would read.

use super::{
    Symbolized,
    fixture::{profile, symbols},
    *,
};

#[test]
fn folded_stacks_have_inlined_frames_and_no_stray_separators() {
    let (profile, symbols) = (profile(), symbols());
    let symbolized = Symbolized {
        profile: &profile,
        symbols: &symbols,
    };
    let mut text = Vec::new();
    folded(symbolized, &mut text).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "app;app::main;alpha::burn::<[u8: 4]>;core::num::rotate_[i] 3000000\n\
         app;app::main 1000000\n"
    );
}

#[test]
fn a_flamegraph_has_each_function_and_a_colour_for_each_crate() {
    let (profile, symbols) = (profile(), symbols());
    let symbolized = Symbolized {
        profile: &profile,
        symbols: &symbols,
    };
    let mut svg = Vec::new();
    let drawing = Drawing {
        title: "app".into(),
        ..Drawing::default()
    };
    flamegraph(symbolized, &drawing, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    assert!(
        svg.contains("alpha::burn::&lt;[u8: 4]&gt; (3 ms, 75.00%)"),
        "{svg}"
    );
    assert!(svg.contains("core::num::rotate (3 ms, 75.00%)"), "{svg}");
    let color = |owner: usize, inlined| {
        let (r, g, b) = colors::of(&symbols.crates[owner], inlined);
        format!("rgb({r},{g},{b})")
    };
    assert!(svg.contains(&color(0, false)), "{svg}");
    assert!(svg.contains(&color(1, true)), "{svg}");
    assert_ne!(color(1, true), color(1, false));
    // The legend has the crates.
    let (_, legend) = svg.split_once("<g id=\"legend\">").unwrap();
    assert!(
        legend.contains(">app<") && legend.contains(">core<"),
        "{legend}"
    );
}

#[test]
fn the_firefox_profile_has_a_sample_for_each_of_ours() {
    let (profile, symbols) = (profile(), symbols());
    let symbolized = Symbolized {
        profile: &profile,
        symbols: &symbols,
    };
    let mut json = Vec::new();
    firefox(symbolized, "app", &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let thread = &json["threads"][0];
    assert_eq!(thread["samples"]["length"], 4);
    assert_eq!(thread["samples"]["weightType"], "samples");
    // main, and below it burn and the inlined rotate.
    assert_eq!(thread["stackTable"]["length"], 3);
    let strings = json["shared"]["stringArray"].to_string() + &thread["stringArray"].to_string();
    assert!(strings.contains("core::num::rotate (inlined)"), "{strings}");
    assert_eq!(json["meta"]["categories"][1]["name"], "workspace");
}
