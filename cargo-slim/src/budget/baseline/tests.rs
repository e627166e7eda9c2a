use super::*;
use std::path::PathBuf;

fn built(package: &str, kind: &str, name: &str) -> Artifact {
    Artifact {
        path: format!("target/codecost/analysis/release/{name}"),
        package: Some(package.into()),
        target_kind: Some(kind.into()),
        target_name: Some(name.into()),
        ..Artifact::default()
    }
}

fn file(path: &str) -> Artifact {
    Artifact {
        path: path.into(),
        ..Artifact::default()
    }
}

fn of<'a>(target: &'a Target, package: Option<&'a str>) -> Identity<'a> {
    Identity {
        target,
        package,
        file: None,
    }
}

#[test]
fn a_target_is_its_package_kind_and_name() {
    let target = Target::Bin("app".into());
    let app = of(&target, Some("app"));
    assert!(app.fits(&built("app", "bin", "app")));
    for other in [
        built("gee", "bin", "gee"),
        built("gee", "bin", "app"),
        built("app", "example", "app"),
        built("app", "cdylib", "app"),
    ] {
        assert!(!app.fits(&other), "{}", words(&other));
    }
    // Where nobody knows the package its name is enough.
    assert!(of(&target, None).fits(&built("gee", "bin", "app")));
    assert_eq!(app.to_string(), "binary `app` of package `app`");
    assert_eq!(
        words(&built("gee", "bin", "app")),
        "binary `app` of package `gee`"
    );
}

#[test]
fn a_library_is_known_by_either_of_its_names() {
    let library = built("my-capi", "cdylib", "capi_impl");
    for name in ["capi_impl", "capi-impl", "my-capi"] {
        let target = Target::Lib(name.into());
        assert!(of(&target, Some("my-capi")).fits(&library), "{name}");
    }
    let target = Target::Lib("capi_impl".into());
    assert!(!of(&target, Some("other")).fits(&library));
    assert!(of(&target, None).fits(&file("dist/libcapi_impl.so")));
    assert!(!of(&target, None).fits(&built("my-capi", "bin", "capi_impl")));
}

#[test]
fn a_file_is_its_name_wherever_it_lies() {
    let target = Target::File(PathBuf::from("new/rg"));
    assert!(of(&target, None).fits(&file("old/rg")));
    assert!(!of(&target, None).fits(&file("new/fd")));
    // Also where cargo built it.
    assert!(of(&target, None).fits(&built("ripgrep", "bin", "rg")));
    let target = Target::Bin("rg".into());
    assert!(of(&target, Some("ripgrep")).fits(&file("old/rg.exe")));
    assert!(!of(&target, Some("ripgrep")).fits(&file("rg-linux")));
    // What is measured may have a name of its own, and its baseline the same.
    let measured = Identity {
        target: &target,
        package: None,
        file: Some(Path::new("new/rg-linux")),
    };
    assert!(measured.fits(&file("old/rg-linux")));
    assert!(!measured.fits(&file("old/fd-linux")));
}

fn snapshot(artifact: Artifact) -> Snapshot {
    Snapshot {
        artifact: Artifact {
            format: "elf".into(),
            stripped: Some(false),
            ..artifact
        },
        ..Snapshot::default()
    }
}

#[test]
fn what_was_built_differently_is_not_compared_by_its_parts() {
    let analysis = snapshot(built("app", "bin", "app"));
    let plain = snapshot(file("app"));
    let alike = Unlike::between(&analysis, &analysis);
    assert_eq!(alike, Unlike::default());
    for (before, now) in [(&analysis, &plain), (&plain, &analysis)] {
        let unlike = Unlike::between(before, now);
        for measure in [
            Measure::Crate("std".into()),
            Measure::Section(".text".into()),
        ] {
            let reason = unlike.reason(&measure).unwrap();
            assert!(reason.starts_with("built differently"), "{reason}");
        }
        assert_eq!(unlike.reason(&Measure::Gzip), None);
    }
    let mut stripped = snapshot(file("app"));
    stripped.artifact.stripped = Some(true);
    let unlike = Unlike::between(&plain, &stripped);
    assert!(unlike.reason(&Measure::Crate("std".into())).is_some());
    assert_eq!(unlike.reason(&Measure::Section(".text".into())), None);
}

#[test]
fn another_machine_or_profile_is_not_compared_at_all() {
    let host = snapshot(built("app", "bin", "app"));
    let mut other = host.clone();
    other.artifact.architecture = "aarch64".into();
    assert!(
        Unlike::between(&host, &other)
            .reason(&Measure::File)
            .is_some()
    );
    let (mut dev, mut release) = (host.clone(), host);
    dev.artifact.profile = Some("dev".into());
    release.artifact.profile = Some("release".into());
    let unlike = Unlike::between(&dev, &release);
    let reason = unlike.reason(&Measure::Shipped).unwrap();
    assert_eq!(
        reason,
        "the baseline is of profile `dev`, and this of `release`"
    );
}
