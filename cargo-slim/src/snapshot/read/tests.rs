use super::*;
use proptest::prelude::*;

fn snapshot() -> Snapshot {
    Snapshot {
        artifact: Artifact {
            path: "target/app".into(),
            file_size: 10,
            ..Artifact::default()
        },
        crates: vec![Crate {
            name: "app".into(),
            package: None,
            version: Some("1.0.0".into()),
            origin: Origin::Workspace,
            file: 10,
            memory: 9,
            code: 8,
            data: 2,
            unwind: 0,
            relocations: 0,
            symbols: 0,
            debug: 0,
            other: 0,
        }],
        sections: vec![Section {
            name: ".text".into(),
            kind: "code".into(),
            file: 10,
            memory: 10,
        }],
        names: ["app::λ", "app::μ", "b"].into_iter().collect(),
        functions: vec![
            Function {
                owner: 0,
                section: 0,
                size: 4,
                by: None,
                family: Some(0),
            };
            3
        ],
        families: ["app::f"].into_iter().collect(),
        build: Some(Build {
            packages: vec![Package {
                name: "app".into(),
                ..Package::default()
            }],
            ..Build::default()
        }),
        ..Snapshot::default()
    }
}

fn bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot().write(&mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Snapshot> {
    parse(Path::new("size.json"), bytes)
}

#[test]
fn what_is_written_reads_back() {
    assert_eq!(read(&bytes()).unwrap(), snapshot());
}

#[test]
fn a_snapshot_of_the_future_is_refused_and_says_which_version_opens_it() {
    let text = String::from_utf8(bytes()).unwrap();
    let future = text.replace("cargo-slim/1", "cargo-slim/2").replacen(
        env!("CARGO_PKG_VERSION"),
        "9.8.7",
        1,
    );
    let error = read(future.as_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("version 2") && error.contains("cargo-slim 9.8.7"),
        "{error}"
    );
    let other = text.replace("\"snapshot\"", "\"crates\"");
    let error = read(other.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("a report of `crates`"), "{error}");
}

#[test]
fn names_cannot_grow_without_bound() {
    let mut rows = String::from("[0,\"a\",0,-1,0,-1,1]");
    for length in 1..20_000 {
        rows += &format!(",[{length},\"a\",0,-1,0,-1,1]");
    }
    let text = String::from_utf8(bytes()).unwrap();
    let (head, _) = text.split_once("\"functions\":[").unwrap();
    let bomb = format!("{head}\"functions\":[{rows}],\"warnings\":[]}}");
    let error = read(bomb.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}

proptest! {
    #[test]
    fn damage_is_an_error_and_never_a_panic(at: prop::sample::Index, byte: u8) {
        let mut bytes = bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}
