use super::*;
use crate::ledger::{ByCategory, Category};
use crate::snapshot::{Artifact, Build, Crate, Function, Section, Snapshot};
use codecost::attribution::Origin;

/// A build with `count` functions of long names, each a byte larger with `grown`.
fn build(count: usize, grown: u64) -> Snapshot {
    let mut names: Vec<String> = (0..count)
        .map(|index| format!("<a::T<{}> as b::C>::f{index:06}", "x::Y, ".repeat(30)))
        .collect();
    names.sort();
    let size = |index: u64| 100 + index * grown;
    Snapshot {
        artifact: Artifact {
            path: "app".into(),
            file_size: 10 + grown,
            ..Artifact::default()
        },
        sections: vec![Section {
            name: ".text".into(),
            kind: "code".into(),
            file: 10 + grown,
            memory: 0,
        }],
        functions: (0..count as u64)
            .map(|index| Function {
                owner: 0,
                section: 0,
                size: size(index),
                by: None,
                family: None,
            })
            .collect(),
        names: names.iter().map(String::as_str).collect(),
        ..Snapshot::default()
    }
}

fn compared(count: usize) -> Compared {
    let (before, after) = (build(count, 0), build(count, 1));
    Compared::new(before, after)
}

#[test]
fn a_comment_fits_whatever_changed_and_keeps_the_largest_changes() {
    let compared = compared(5_000);
    assert_eq!(compared.comparison.of(Kind::Function).len(), 4_999);
    let options = OutputOptions {
        full_names: true,
        ..OutputOptions::default()
    };
    let text = of_diff(&compared, &options).unwrap();
    assert!(text.chars().count() <= 65_536, "{}", text.len());
    assert!(text.contains("f004999"), "the largest change is gone");
    assert!(!text.contains("f000001"), "the smallest change is there");
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    let limited = OutputOptions {
        limit: Some(0),
        ..options
    };
    let text = of_diff(&compared, &limited).unwrap();
    assert!(text.chars().count() <= 65_536, "{}", text.len());
}

#[test]
fn text_from_outside_cannot_leave_its_place() {
    assert_eq!(
        prose("new `a_b`, by @x <b>"),
        "new `a_b`, by \\@x &lt;b&gt;"
    );
    assert_eq!(code("a`b"), "a'b");
    assert_eq!(escape("<script>"), "&lt;script&gt;");
    assert!(clip(&"\\".repeat(3000)).len() < 20);
}

#[test]
fn what_is_open_is_cut_at_a_line_when_it_alone_is_too_much() {
    let row = format!("| {} |\n", "λ".repeat(500));
    let text = bounded(row.repeat(200), Vec::new()).unwrap();
    assert!(text.len() <= 65_536, "{}", text.len());
    assert!(text.ends_with("|\n\nMore was cut: a comment has room for 65,536 characters.\n"));
}

/// `count` crates, each with a byte more than before, from another compiler.
fn many_crates(count: usize) -> Compared {
    let of = |more: u64, release: &str| {
        let mut side = build(0, 0);
        side.crates = (0..count as u64)
            .map(|index| {
                let file = 1000 * index + more * (index + 1);
                Crate {
                    name: format!("crate_{index:02}"),
                    package: None,
                    version: None,
                    origin: Origin::Registry,
                    file,
                    memory: file,
                    parts: ByCategory::from([(Category::Code, file)]),
                }
            })
            .collect();
        side.build = Some(Build {
            toolchain: Some(release.into()),
            ..Build::default()
        });
        side
    };
    Compared::new(of(0, "1.94.0"), of(1, "1.95.0"))
}

/// What stands above is not told again, and what holds for every row is told once.
#[test]
fn the_folded_crates_are_those_that_do_not_stand_above() {
    let compared = many_crates(30);
    let text = of_diff(&compared, &OutputOptions::default()).unwrap();
    let (head, rest) = text.split_once("<details>").expect("a folded part");
    assert!(
        rest.contains("<summary>Crates: 20 more</summary>"),
        "{rest}"
    );
    for index in 0..30 {
        let row = format!("| crate\\_{index:02} |");
        let (above, folded) = (head.matches(&row).count(), rest.matches(&row).count());
        assert_eq!(above + folded, 1, "{row} in\n{text}");
        assert_eq!(above == 1, index >= 20, "{row}");
    }
    assert_eq!(text.matches("the compiler changed").count(), 1, "{text}");
    // Machines read it at each row.
    let all = compared.comparison.cause_of_all.as_deref();
    let why = compared.comparison.of(Kind::Crate)[0].why(all);
    assert_eq!(why, Some("the compiler changed from 1.94.0 to 1.95.0"));
    // One more than fits is shown, not folded.
    let text = of_diff(&many_crates(11), &OutputOptions::default()).unwrap();
    assert!(!text.contains("<details>"), "{text}");
}

/// A file that only its profile makes larger: the first line says so.
#[test]
fn the_first_line_is_about_the_file_that_users_get() {
    let side = |file: u64| {
        let mut side = build(0, 0);
        side.measures.file = Some(file);
        side.artifact.build_notes = vec!["strip=none".into()];
        side
    };
    let compared = Compared::new(side(1000), side(6600));
    let text = of_diff(&compared, &OutputOptions::default()).unwrap();
    assert!(text.starts_with("### `app`: +5.5 KiB (+560.0%)"), "{text}");
    assert!(text.contains("As analysed (strip=none)"), "{text}");
    assert!(!text.contains("Nothing changed"), "{text}");
    let same = Compared::new(side(1000), side(1000));
    let text = of_diff(&same, &OutputOptions::default()).unwrap();
    assert!(text.contains("Nothing changed."), "{text}");
}
