use super::*;

fn rules(text: &str) -> Result<Vec<Rule>> {
    Reader {
        path: Path::new("slim.toml"),
        text,
    }
    .rules()
}

#[test]
fn the_example_of_the_manual_is_read() {
    let rules = rules(
        "# sizes\n[[budget]]\nbin = \"rg\"\nmeasure = \"shipped\"\nlimit = \"4.5 MiB\"\n\
         warn = \"4.3 MiB\"\ngrowth = \"2%\"\nreason = \"fits\"\n\n\
         [[forbid]]\nbin = \"rg\"\nfunction = \"core::fmt::float::.*\"\n",
    )
    .unwrap();
    let [budget, forbid] = rules.as_slice() else {
        panic!("{rules:?}")
    };
    assert_eq!((budget.line, forbid.line), (2, 10));
    assert_eq!(budget.target, Target::Bin("rg".into()));
    let Wanted::Budget(budget) = &budget.wanted else {
        panic!("{budget:?}")
    };
    assert_eq!(budget.limit, Some(Bytes(4_718_592)));
    assert!(matches!(budget.growth, Some(Limit::Share(_))));
    let Wanted::Forbid(forbid) = &forbid.wanted else {
        panic!("{forbid:?}")
    };
    assert!(
        forbid
            .function
            .regex
            .is_match("core::fmt::float::float_to_decimal")
    );
}

#[test]
fn errors_are_usage_errors_that_name_the_line() {
    let head = "[[budget]]\nbin = \"rg\"\nmeasure = \"file\"\n";
    for (text, expected) in [
        (
            format!("{head}limits = \"1 MiB\"\n"),
            "slim.toml:4: `limits` is not a key",
        ),
        (
            format!("{head}limit = \"5\"\n"),
            "slim.toml:4: `limit`: `5` has no unit",
        ),
        (
            format!("{head}limit = 5\n"),
            "slim.toml:4: `limit` has no unit",
        ),
        (
            format!("{head}limit = \"5%\"\n"),
            "slim.toml:4: `limit`: `%`",
        ),
        (
            format!("{head}growth = \"0.05\"\n"),
            "slim.toml:4: `growth`: `0.05` has no unit",
        ),
        (
            head.to_owned(),
            "slim.toml:1: this [[budget]] limits nothing",
        ),
        (
            format!("{head}limit = \"1 KiB\"\nwarn = \"2 KiB\"\n"),
            "slim.toml:5: `warn` is above `limit`",
        ),
        (
            "[[budget]]\nmeasure = \"file\"\nlimit = \"1 B\"\n".into(),
            "names no artifact",
        ),
        (
            "[[budget]]\nbin = \"a\"\nlib = \"b\"\nmeasure = \"file\"\nlimit = \"1 B\"\n".into(),
            "slim.toml:3: one artifact is wanted",
        ),
        (
            "\n[[budgets]]\n".into(),
            "slim.toml:2: `budgets` is not known",
        ),
        ("[budget]\n".into(), "`budget` is not a list of tables"),
        (
            "[[budget]]\nbin = \"a\"\nmeasure = \"size\"\nlimit = \"1 B\"\n".into(),
            "slim.toml:3: `size` is not a measure",
        ),
        (
            "[[forbid]]\nbin = \"a\"\nfunction = \"a(\"\n".into(),
            "slim.toml:3: `a(` is not a regular expression",
        ),
        ("[[budget]]\nbin = \n".into(), "slim.toml:2: "),
        (String::new(), "there is no [[budget]]"),
    ] {
        let error = rules(&text).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{text}");
        assert!(error.to_string().contains(expected), "{text}\n{error}");
        assert!(error.hint().is_some());
    }
}

/// In a manifest a library may be no more than `true`; here it is a name.
#[test]
fn an_artifact_is_named_and_the_help_shows_how() {
    for (key, expected) in [
        ("lib", "`lib = \"my_capi\"`"),
        ("example", "`example = \"demo\"`"),
        ("bin", "`bin = \"app\"`"),
    ] {
        let text = format!("[[budget]]\n{key} = true\nmeasure = \"file\"\nlimit = \"1 B\"\n");
        let hint = rules(&text).unwrap_err().hint().unwrap();
        assert!(hint.contains(expected), "{hint}");
    }
}

#[test]
fn what_is_no_file_of_text_gets_help_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let help = |path: &Path| {
        let error = Config::load(Some(path), Path::new(".")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.hint().unwrap()
    };
    let hint = help(directory.path());
    assert!(
        hint.contains("--config-file") && !hint.contains("write one"),
        "{hint}"
    );
    assert!(help(&directory.path().join("none")).contains("write one"));
    let binary = directory.path().join("binary");
    fs::write(&binary, b"\x7fELF\xff\xfe").unwrap();
    assert!(help(&binary).contains("UTF-8"));
}

#[test]
fn a_function_without_slashes_is_one_function() {
    let text = "[[budget]]\nbin = \"a\"\nmeasure = \"function:a::f\"\nlimit = \"1 B\"\n";
    let rules = rules(text).unwrap();
    let Wanted::Budget(Budget {
        measure: Measure::Function(pattern),
        ..
    }) = &rules[0].wanted
    else {
        panic!("{rules:?}")
    };
    assert!(pattern.regex.is_match("a::f") && !pattern.regex.is_match("a::f::g"));
}
