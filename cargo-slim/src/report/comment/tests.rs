use super::*;
use crate::{
    compare::Comparison,
    snapshot::{Artifact, Function, Section, Snapshot},
};

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
    let comparison = Comparison::new(&before, &after);
    Compared {
        before,
        after,
        comparison,
    }
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
