use super::*;
use codecost::attribution::PackageList;
use std::io::Write as _;

/// A zip of files, stored or deflated.
fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content, deflate) in files {
        let method = match deflate {
            true => rawzip::CompressionMethod::DEFLATE,
            false => rawzip::CompressionMethod::STORE,
        };
        let file = archive.new_file(name).compression_method(method);
        let (mut entry, config) = file.start().unwrap();
        let descriptor = match deflate {
            true => {
                let level = flate2::Compression::best();
                let encoder = flate2::write::DeflateEncoder::new(&mut entry, level);
                let mut writer = config.wrap(encoder);
                writer.write_all(content).unwrap();
                let (encoder, descriptor) = writer.finish().unwrap();
                encoder.finish().unwrap();
                descriptor
            }
            false => {
                let mut writer = config.wrap(&mut entry);
                writer.write_all(content).unwrap();
                writer.finish().unwrap().1
            }
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = ::tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn elf() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(9000, 7);
    bytes
}

fn open(bytes: &[u8], wanted: Option<&str>) -> Result<(String, usize)> {
    let file = Mapping::of_bytes("dir/x.pkg", bytes)?;
    let found = opened(file, wanted)?;
    Ok((found.path().display().to_string(), found.len()))
}

#[test]
fn the_only_native_file_is_opened() {
    let class = [
        0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ];
    for deflate in [true, false] {
        let files = [
            ("x/__init__.py", &b"import x"[..], deflate),
            ("x/A.class", &class, deflate),
            ("x/x.abi3.so", &elf(), deflate),
        ];
        let (name, size) = open(&zip(&files), None).unwrap();
        assert_eq!((&*name, size), ("dir/x.pkg/x/x.abi3.so", 9000));
    }
    let files = [("package/index.js", &b"1"[..]), ("package/x.node", &elf())];
    let (name, size) = open(&tgz(&files), None).unwrap();
    assert_eq!((&*name, size), ("dir/x.pkg/package/x.node", 9000));
}

#[test]
fn a_file_that_was_compressed_alone_is_no_archive() {
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(&elf()[..], 1).unwrap();
    for bytes in [gzip(&elf()), zstd] {
        assert_eq!(open(&bytes, None).unwrap(), ("dir/x.pkg/x".into(), 9000));
        assert_eq!(open(&bytes, Some("x")).unwrap().1, 9000);
    }
    let error = open(&gzip(&[b'a'; 600]), None).unwrap_err().to_string();
    assert!(error.contains("neither an archive nor"), "{error}");
    // An archive inside is one by its content.
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(9000);
    archive
        .append_data(&mut header, "y.so", &elf()[..])
        .unwrap();
    let bytes = zstd::encode_all(&archive.into_inner().unwrap()[..], 1).unwrap();
    assert_eq!(open(&bytes, None).unwrap().0, "dir/x.pkg/y.so");
}

#[test]
fn several_are_a_choice_that_can_be_pasted() {
    let elf = elf();
    let bytes = zip(&[
        ("a/x.so", &elf, true),
        ("b/x.so", &elf, true),
        ("c d.so", &elf, true),
    ]);
    let error = open(&bytes, None).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let help = error.hint().unwrap();
    assert!(
        help.contains("\n  --file dir/x.pkg --member a/x.so"),
        "{help}"
    );
    assert!(help.contains("--member 'c d.so'"), "{help}");
    assert_eq!(open(&bytes, Some("b/x.so")).unwrap().0, "dir/x.pkg/b/x.so");
    assert_eq!(open(&bytes, Some("c d.so")).unwrap().0, "dir/x.pkg/c d.so");
    for wanted in ["x.so", "y.so", ".so"] {
        assert_eq!(open(&bytes, Some(wanted)).unwrap_err().exit_code(), 2);
    }
    let none = open(&zip(&[("a.py", b"1", true)]), None).unwrap_err();
    assert_eq!(none.exit_code(), 101);
    // A name in full comes before one that ends so.
    let both = zip(&[
        ("a/x.so", &elf, true),
        ("x.so", &elf, true),
        ("b/x.so", &elf, true),
    ]);
    assert_eq!(open(&both, Some("x.so")).unwrap().0, "dir/x.pkg/x.so");
}

#[test]
fn a_bomb_is_refused() {
    let mut bomb = elf();
    bomb.resize(200 << 20, 0);
    for bytes in [zip(&[("x.so", &bomb, true)]), tgz(&[("x.so", &bomb)])] {
        let error = open(&bytes, None).unwrap_err().to_string();
        assert!(error.contains("64 times"), "{error}");
        assert!(unpack(&bytes) <= bytes.len() as u64 * 64 + (1 << 20));
    }
}

#[test]
fn what_is_cut_is_no_panic() {
    let elf = elf();
    for whole in [zip(&[("x.so", &elf, true)]), tgz(&[("x.so", &elf)])] {
        for end in 0..whole.len() {
            let _ = open(&whole[..end], None);
        }
    }
}

/// A path as the header prints it leads to the same file as its package and `--member` do.
#[test]
fn a_path_goes_on_inside_of_a_package() {
    let directory = tempfile::tempdir().unwrap();
    let package = directory.path().join("x.whl");
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let native = &program[..4096];
    let bytes = zip(&[("x/one.so", native, true), ("x/two.so", native, false)]);
    std::fs::write(&package, bytes).unwrap();
    let inside = package.join("x/two.so");
    assert_eq!(
        split(&inside),
        (&*package, Some("x/two.so".into())),
        "{inside:?}"
    );
    assert_eq!(split(&package), (&*package, None));
    let absent = directory.path().join("y.whl/x/two.so");
    assert_eq!(split(&absent), (&*absent, None));
    assert_eq!(&*super::open(&inside, None).unwrap(), native);
    assert!(super::open(&package, None).is_err(), "two to choose from");
}

/// The documents of a package go with its file, as those beside a file on the disk do.
#[test]
fn a_file_of_a_package_knows_what_it_is_made_from() {
    let document =
        br#"{"bomFormat":"CycloneDX","metadata":{"component":{"name":"x","version":"1.2.3",
        "purl":"pkg:cargo/x@1.2.3"}},"components":[
        {"name":"a","version":"1.0.0","purl":"pkg:cargo/a@1.0.0"}]}"#;
    let native = elf();
    let whole = zip(&[
        ("x/x.abi3.so", &native[..], true),
        ("x/data.json", b"{}", true),
        ("x-1.2.3.dist-info/sboms/auditwheel.cdx.json", b"{}", true),
        ("x-1.2.3.dist-info/sboms/x.cyclonedx.json", document, true),
    ]);
    let file = opened(Mapping::of_bytes("dir/x.whl", &whole).unwrap(), None).unwrap();
    assert_eq!(file.documents().len(), 2);
    let list = PackageList::find(None, &file, file.path()).unwrap();
    let names: Vec<_> = list.packages.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a", "x"]);
    assert_eq!(
        list.source(),
        "dir/x.whl/x-1.2.3.dist-info/sboms/x.cyclonedx.json"
    );
}
