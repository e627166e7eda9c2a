//! Every way to write a profile or a list of flags, edited and compared byte by byte.

use super::*;

fn set(text: &str, path: &str, value: &str) -> String {
    let path: Vec<&str> = path.split('.').collect();
    apply(text, &path, &Change::Set(value.to_owned()), None).unwrap()
}

fn append_flags(text: &str, path: &str, flags: &[&str]) -> String {
    let path: Vec<&str> = path.split('.').collect();
    let flags = flags.iter().map(|f| (*f).to_owned()).collect();
    apply(text, &path, &Change::Append(flags), None).unwrap()
}

#[test]
fn a_table_gets_its_key_below_the_last_one() {
    let text =
        "[package]\nname = \"a\"\n\n[profile.release]\ndebug = 1 # why\n\n[profile.dev]\nx = 1\n";
    assert_eq!(
        set(text, "profile.release.lto", "true"),
        "[package]\nname = \"a\"\n\n[profile.release]\ndebug = 1 # why\nlto = true\n\n[profile.dev]\nx = 1\n"
    );
}

#[test]
fn an_empty_table_gets_its_key_below_its_header() {
    assert_eq!(
        set(
            "[profile.release] # c\n# x\n[b]\n",
            "profile.release.lto",
            "true"
        ),
        "[profile.release] # c\nlto = true\n# x\n[b]\n"
    );
}

#[test]
fn existing_values_are_replaced_in_place() {
    assert_eq!(
        set(
            "[profile.release]\nlto   =   'thin'   # keep\n",
            "profile.release.lto",
            "true"
        ),
        "[profile.release]\nlto   =   true   # keep\n"
    );
    assert_eq!(
        set(
            "[profile . \"release\"]\n\"lto\"=\"\"\"thin\"\"\"",
            "profile.release.lto",
            "true"
        ),
        "[profile . \"release\"]\n\"lto\"=true"
    );
}

#[test]
fn dotted_keys_stay_dotted() {
    assert_eq!(
        set(
            "profile.release.debug = 1\nx = 1\n",
            "profile.release.lto",
            "true"
        ),
        "profile.release.debug = 1\nprofile.release.lto = true\nx = 1\n"
    );
    assert_eq!(
        set(
            "[profile]\n  release.debug = 1",
            "profile.release.lto",
            "true"
        ),
        "[profile]\n  release.debug = 1\n  release.lto = true"
    );
    assert_eq!(
        set(
            "\u{feff}profile.release.debug = 1\n",
            "profile.release.lto",
            "true"
        ),
        "\u{feff}profile.release.debug = 1\nprofile.release.lto = true\n"
    );
}

#[test]
fn a_dotted_key_of_a_package_does_not_mislead() {
    assert_eq!(
        set(
            "profile.release.package.foo.opt-level = 1\n[package]\nname = \"a\"\n",
            "profile.release.lto",
            "true"
        ),
        "profile.release.package.foo.opt-level = 1\nprofile.release.lto = true\n[package]\nname = \"a\"\n"
    );
    assert_eq!(
        set(
            "[profile]\n  release.package.\"a.b\".debug = 1\n",
            "profile.release.lto",
            "true"
        ),
        "[profile]\n  release.package.\"a.b\".debug = 1\n  release.lto = true\n"
    );
}

#[test]
fn inline_tables_stay_inline() {
    assert_eq!(
        set(
            "profile = { release = { debug = 1 } }\n",
            "profile.release.lto",
            "true"
        ),
        "profile = { release = { debug = 1, lto = true } }\n"
    );
    assert_eq!(
        set(
            "profile = { dev = { debug = 1 } }\n",
            "profile.release.lto",
            "true"
        ),
        "profile = { dev = { debug = 1 }, release = { lto = true } }\n"
    );
    assert_eq!(
        set("[profile]\nrelease = {}\n", "profile.release.lto", "true"),
        "[profile]\nrelease = { lto = true }\n"
    );
    assert_eq!(
        set(
            "profile = { release.debug = 1 }\n",
            "profile.release.lto",
            "true"
        ),
        "profile = { release.debug = 1, release.lto = true }\n"
    );
    assert_eq!(
        set("profile = {}", "profile.release.lto", "true"),
        "profile = { release = { lto = true } }"
    );
}

#[test]
fn new_tables_go_to_the_end() {
    assert_eq!(
        set("[package]\nname = \"a\"\n", "profile.release.lto", "true"),
        "[package]\nname = \"a\"\n\n[profile.release]\nlto = true\n"
    );
    assert_eq!(
        set("[package]\nname = \"a\"", "profile.release.lto", "true"),
        "[package]\nname = \"a\"\n\n[profile.release]\nlto = true"
    );
    assert_eq!(
        set("", "profile.release.lto", "true"),
        "[profile.release]\nlto = true\n"
    );
    assert_eq!(
        set(
            "[profile.release.package.\"*\"]\nopt-level = 1\n",
            "profile.release.lto",
            "true"
        ),
        "[profile.release.package.\"*\"]\nopt-level = 1\n\n[profile.release]\nlto = true\n"
    );
    assert_eq!(
        set("profile.dev.debug = 0\n", "profile.release.lto", "true"),
        "profile.dev.debug = 0\n\n[profile.release]\nlto = true\n"
    );
    assert_eq!(
        apply(
            "",
            &["profile", "dev", "package", "*", "debug"],
            &Change::Set("false".into()),
            None
        )
        .unwrap(),
        "[profile.dev.package.\"*\"]\ndebug = false\n"
    );
}

#[test]
fn line_endings_are_those_of_the_file() {
    assert_eq!(
        set(
            "[profile.release]\r\ndebug = 1\r\n",
            "profile.release.lto",
            "true"
        ),
        "[profile.release]\r\ndebug = 1\r\nlto = true\r\n"
    );
    assert_eq!(
        set("[a]\r\nb = 1\r\n", "profile.release.lto", "true"),
        "[a]\r\nb = 1\r\n\r\n[profile.release]\r\nlto = true\r\n"
    );
    assert_eq!(
        append_flags(
            "[build]\r\nrustflags = [\r\n  \"-a\",\r\n]\r\n",
            "build.rustflags",
            &["-b"]
        ),
        "[build]\r\nrustflags = [\r\n  \"-a\",\r\n  \"-b\",\r\n]\r\n"
    );
}

#[test]
fn flags_are_appended_and_never_overwritten() {
    assert_eq!(
        append_flags(
            "[build]\nrustflags = [\"-C\", \"link-arg=-s\"]\n",
            "build.rustflags",
            &["-b"]
        ),
        "[build]\nrustflags = [\"-C\", \"link-arg=-s\", \"-b\"]\n"
    );
    assert_eq!(
        append_flags(
            "[build]\nrustflags = '-C link-arg=-s'\n",
            "build.rustflags",
            &["-b"]
        ),
        "[build]\nrustflags = \"-C link-arg=-s -b\"\n"
    );
    assert_eq!(
        append_flags(
            "[build]\nrustflags = [ ]\n",
            "build.rustflags",
            &["-b", "-c"]
        ),
        "[build]\nrustflags = [\"-b\", \"-c\"]\n"
    );
    assert_eq!(
        append_flags(
            "[build]\nrustflags = [\n    \"-a\", # one\n    \"-x\" # two\n]\n",
            "build.rustflags",
            &["-b"]
        ),
        "[build]\nrustflags = [\n    \"-a\", # one\n    \"-x\", # two\n    \"-b\"\n]\n"
    );
    assert_eq!(
        append_flags(
            "[build]\nrustflags = [\"-a\",]\n",
            "build.rustflags",
            &["-b"]
        ),
        "[build]\nrustflags = [\"-a\", \"-b\",]\n"
    );
    assert_eq!(
        append_flags(
            "[target.'cfg(unix)']\nlinker = \"x\"\n",
            "build.rustflags",
            &["-b"]
        ),
        "[target.'cfg(unix)']\nlinker = \"x\"\n\n[build]\nrustflags = [\"-b\"]\n"
    );
}

#[test]
fn comments_inside_an_array_stay_where_they_are() {
    let append = |array: &str| {
        let text = format!("[build]\nrustflags = {array}\n");
        append_flags(&text, "build.rustflags", &["-b"])
    };
    for (array, expected) in [
        (
            "[\"-a\", # one\n \"-x\"]",
            "[\"-a\", # one\n \"-x\", \"-b\"]",
        ),
        (
            "[\"-a\", # one\n \"-x\",]",
            "[\"-a\", # one\n \"-x\", \"-b\",]",
        ),
        ("[\"-a\" # one, two\n]", "[\"-a\", \"-b\" # one, two\n]"),
        ("[ # one\n \"-a\"]", "[ # one\n \"-a\", \"-b\"]"),
        (
            "[\n \"-a\" # x\n , # y\n]",
            "[\n \"-a\", \"-b\" # x\n , # y\n]",
        ),
        ("[\n \"-a\" # x, y\n]", "[\n \"-a\", # x, y\n \"-b\"\n]"),
        ("[ # one\n]", "[ # one\n\"-b\"]"),
    ] {
        assert_eq!(append(array), format!("[build]\nrustflags = {expected}\n"));
    }
}

#[test]
fn comments_are_added_only_where_a_line_ends() {
    let path = ["profile", "release", "lto"];
    let with = |text: &str| apply(text, &path, &Change::Set("true".into()), Some("why")).unwrap();
    assert_eq!(
        with("[profile.release]\nlto = 1\n"),
        "[profile.release]\nlto = true # why\n"
    );
    assert_eq!(
        with("[profile.release]\nlto = 1 # x\n"),
        "[profile.release]\nlto = true # x\n"
    );
    assert_eq!(
        with("[profile.release]\n"),
        "[profile.release]\nlto = true # why\n"
    );
    assert_eq!(
        with("profile = { release = { lto = 1 } }\n"),
        "profile = { release = { lto = true } }\n"
    );
}

#[test]
fn broken_text_is_an_error_with_the_line() {
    let error = apply(
        "a = 1\n[profile\n",
        &["profile", "x", "y"],
        &Change::Set("1".into()),
        None,
    );
    assert!(error.unwrap_err().to_string().contains("line 2"));
    let error = apply(
        "profile = 1\n",
        &["profile", "x", "y"],
        &Change::Set("1".into()),
        None,
    );
    assert!(error.unwrap_err().to_string().contains("not a table"));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// TOML, and what looks like it.
    fn text() -> impl Strategy<Value = String> {
        let line = prop::sample::select(vec![
            "[profile.release]",
            "[profile]",
            "[profile.\"release\"] # c",
            "[profile.release.package.'*']",
            "profile.release.x = 1",
            "release.x = 1",
            "release = { x = 1, }",
            "release = {}",
            "x = 1 # c",
            "lto = 'a'",
            "profile = { release.x = 2 }",
            "profile = { }",
            "\u{feff}",
            "# c",
            "",
            "  ",
            "[[bin]]",
            "name = \"\"\"",
            "\"\"\"",
            "flags = [",
            "\"a\", # b",
            "]",
            "flags = ['a', \"b\"]",
            "flags = ['a', # b",
            " 'c'] # d",
            ", # e, f",
            "flags = \"a b\"",
            "\ty = {z={w=1}}",
            "k.\"l m\".n = 1979-05-27T07:32:00Z",
            "[a.b.c]",
        ]);
        let ending = prop::sample::select(vec!["\n", "\r\n", "\n", ""]);
        prop::collection::vec((line, ending), 0..12)
            .prop_map(|lines| lines.into_iter().map(|(l, e)| format!("{l}{e}")).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// What an edit leaves is a prefix and a suffix of what was there: all but one value.
        #[test]
        fn an_edit_touches_one_place(text in text(), which in 0..3_usize) {
            let (path, change): (&[&str], _) = match which {
                0 => (&["profile", "release", "lto"], Change::Set("true".into())),
                1 => (&["profile", "release", "x"], Change::Set("\"y\"".into())),
                _ => (&["profile", "release", "flags"], Change::Append(vec!["-n".into()])),
            };
            let Ok(document) = parse(&text) else { return Ok(()) };
            let Ok(new) = apply(&text, path, &change, None) else { return Ok(()) };
            let replaced = lookup(document.as_table(), path)
                .and_then(Item::span)
                .map_or(0, |span| span.len());
            let (old, new) = (text.as_bytes(), new.as_bytes());
            let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert!(prefix + suffix + replaced >= old.len(), "{text:?}\n{:?}", String::from_utf8_lossy(new));
        }

        /// No file that parses is refused because of a defect in the edit.
        #[test]
        fn no_edit_is_unsafe(text in text()) {
            let result = apply(&text, &["profile", "release", "lto"], &Change::Set("true".into()), None);
            if let Err(error) = result {
                prop_assert!(!error.to_string().contains("not safe"), "{text:?}: {error}");
            }
        }
    }
}
