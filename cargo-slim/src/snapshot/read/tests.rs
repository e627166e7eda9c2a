use super::*;
use proptest::prelude::*;

fn snapshot() -> Snapshot {
    Snapshot {
        read_from: None,
        commit: None,
        warnings: Vec::new(),
        measures: Measures {
            file: Some(10),
            gzip: Some(9),
            zstd: Some(8),
            brotli: Some(7),
            ..Measures::default()
        },
        artifact: Artifact {
            path: "target/app".into(),
            file_size: 10,
            shipped_size: Some(10),
            ..Artifact::default()
        },
        crates: vec![Crate {
            name: "app".into(),
            package: None,
            version: Some("1.0.0".into()),
            origin: Origin::Workspace,
            file: 10,
            shipped: Some(10),
            memory: 9,
            parts: ByCategory::from([(Category::Code, 8), (Category::Data, 2)]),
        }],
        sections: vec![Section {
            name: ".text".into(),
            kind: "code".into(),
            file: 10,
            shipped: Some(10),
            memory: 9,
        }],
        memory: 9,
        names: ["app::λ", "app::μ", "b"].into_iter().collect(),
        functions: vec![
            Function {
                owner: 0,
                section: 0,
                size: 3,
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

/// The text of a snapshot as a value, one of its numbers changed.
fn changed(pointer: &str, to: u64) -> Vec<u8> {
    let mut json: serde_json::Value = serde_json::from_slice(&bytes()).unwrap();
    let number = json.pointer_mut(pointer).unwrap();
    assert_ne!(*number, to, "{pointer}");
    *number = to.into();
    serde_json::to_vec(&json).unwrap()
}

/// One section of 2^63 bytes was believed once: -8.0 EiB of growth.
#[test]
fn every_sum_must_hold() {
    let numbers = [
        ("/artifact/file_size", "crates do not add up to the file"),
        ("/total/file", "total"),
        ("/total/memory", "sections do not add up to the memory"),
        ("/rows/0/file", "crates do not add up to the file"),
        (
            "/artifact/shipped_size",
            "crates do not add up to what ships",
        ),
        ("/total/shipped", "total is not what ships"),
        ("/rows/0/shipped", "crates do not add up to what ships"),
        (
            "/sections/0/shipped",
            "sections do not add up to what ships",
        ),
        ("/rows/0/memory", "crates do not add up to the memory"),
        ("/rows/0/code", "parts of a crate"),
        ("/rows/0/data", "parts of a crate"),
        ("/rows/0/unwind", "parts of a crate"),
        ("/rows/0/relocations", "parts of a crate"),
        ("/rows/0/symbols", "parts of a crate"),
        ("/rows/0/debug", "parts of a crate"),
        ("/rows/0/other", "parts of a crate"),
        ("/sections/0/file", "sections do not add up to the file"),
        ("/sections/0/memory", "sections do not add up to the memory"),
        ("/functions/0/6", "functions are larger"),
        ("/measures/file", "another file"),
        ("/measures/gzip", "larger compressed"),
        ("/measures/zstd", "larger compressed"),
        ("/measures/brotli", "larger compressed"),
    ];
    for (pointer, expected) in numbers {
        for to in [11_000, 1 << 63, u64::MAX] {
            let error = read(&changed(pointer, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{pointer}, {to}: {error}");
        }
    }
}

/// Every number of the snapshot, by its JSON pointer.
fn numbers(value: &serde_json::Value, at: &str, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(_) => into.push(at.to_owned()),
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                numbers(item, &format!("{at}/{index}"), into);
            }
        }
        serde_json::Value::Object(members) => {
            for (key, item) in members {
                numbers(item, &format!("{at}/{key}"), into);
            }
        }
        _ => {}
    }
}

proptest! {
    /// Whatever numbers it holds: what is read adds up.
    #[test]
    fn what_is_read_adds_up(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0..20_u64, any::<u64>()]), 1..4)
    ) {
        let mut json: serde_json::Value = serde_json::from_slice(&bytes()).unwrap();
        let mut all = Vec::new();
        numbers(&json, "", &mut all);
        for (at, to) in edits {
            let pointer: &String = at.get(&all);
            *json.pointer_mut(pointer).unwrap() = to.into();
        }
        if let Ok(read) = read(&serde_json::to_vec(&json).unwrap()) {
            let file = u128::from(read.artifact.file_size);
            let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.map(u128::from).sum::<u128>();
            prop_assert_eq!(sum(&mut read.crates.iter().map(|row| row.file)), file);
            prop_assert_eq!(sum(&mut read.sections.iter().map(|row| row.file)), file);
            prop_assert!(sum(&mut read.functions.iter().map(|function| function.size)) <= file);
            for row in &read.crates {
                let parts = row.parts;
                prop_assert_eq!(sum(&mut parts.iter().map(|part| part.1)), u128::from(row.file));
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(at: prop::sample::Index, byte: u8) {
        let mut bytes = bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}
