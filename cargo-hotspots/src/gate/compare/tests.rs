use super::*;
use crate::gate::baseline::Baseline;

#[test]
fn a_target_directory_that_is_moved_is_so_outside_of_a_workspace() {
    let directory = tempfile::tempdir().unwrap();
    let context = Context::at(directory.path())
        .without_env("CARGO_TARGET_DIR")
        .without_env("CARGO_BUILD_TARGET_DIR");
    let selection = Selection::default();
    let of = |context: &Context| target_directory(context, &selection);
    assert_eq!(of(&context), directory.path().join("target"));
    let moved = context.clone().with_env("CARGO_TARGET_DIR", "elsewhere");
    assert_eq!(of(&moved), directory.path().join("elsewhere"));
    let moved = context.with_env("CARGO_BUILD_TARGET_DIR", "/far");
    assert_eq!(of(&moved), Path::new("/far"));
}

#[test]
fn other_arguments_than_the_baseline_s_are_said() {
    let kept = baseline::Kept {
        target: "x".into(),
        arguments: vec!["-n".into(), "5".into()],
        ..baseline::Kept::default()
    };
    let baseline = Baseline {
        programs: vec![kept],
        ..Baseline::default()
    };
    let mut side = sides::of_program(&Context::at("/w"), Path::new("/p/x"), &[]);
    let said = |side: &Side, arguments: &[&str]| {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        other_arguments(&baseline, std::slice::from_ref(side), &arguments)
    };
    assert!(said(&side, &["-n", "5"]).is_none());
    let warning = said(&side, &[]).unwrap();
    assert!(
        warning
            .message
            .contains("`-n 5` when the baseline was kept, none now"),
        "{}",
        warning.message
    );
    // One that is not compared here.
    side.target = "y".into();
    assert!(said(&side, &[]).is_none());
}
