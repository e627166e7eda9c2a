//! The catalogue against names that the compiler itself wrote into binaries.

use crate::project::{HELLO, Project, bin, quiet};
use codecost::{
    attribution::{Catalogue, Origin, catalogue::CrateInfo},
    cargo::{Additions, Build, Selection},
    demangle::Name,
    image::Mapping,
};
use object::{Object, ObjectSymbol};
use std::{collections::BTreeMap, fs, path::Path};

/// Every crate that a v0 name in `path` speaks of, by name and hash, with one such symbol.
fn crates_of(path: &Path) -> BTreeMap<(String, u64), String> {
    let data = fs::read(path).unwrap();
    let file = object::File::parse(&*data).unwrap();
    let mut found = BTreeMap::new();
    for symbol in file.symbols() {
        let Ok(symbol) = symbol.name() else { continue };
        let name = Name::parse(symbol);
        for root in [name.defining(), name.instantiating()]
            .into_iter()
            .flatten()
        {
            if let Some(hash) = root.disambiguator {
                found.insert((root.name.into_owned(), hash), symbol.to_owned());
            }
        }
    }
    found
}

fn info(name: &str, package: &str, version: &str, origin: Origin) -> CrateInfo {
    CrateInfo {
        role: Default::default(),
        name: name.into(),
        package: Some(package.into()),
        version: Some(version.into()),
        origin,
    }
}

/// Two versions of one crate, a renamed one, a `lib` name that is not the package's, a crate
/// called as one of std's own.
fn workspace() -> Project {
    let project = Project::new(&[
        (
            "app/Cargo.toml",
            "[package]\nname = \"the-app\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\
             [dependencies]\n\
             twin = { path = \"../twin-1\" }\n\
             old = { path = \"../twin-0\", package = \"twin\" }\n\
             odd-name = { path = \"../odd\" }\n\
             memchr = { path = \"../memchr\" }\n",
        ),
        (
            "app/src/main.rs",
            "fn main() {\n\
             let n = std::env::args().count();\n\
             println!(\"{}\", twin::calc(n) + old::calc(n) + odd::calc(n) + memchr::calc(n));\n}",
        ),
        (
            "odd/Cargo.toml",
            "[package]\nname = \"odd-name\"\nversion = \"3.0.0\"\nedition = \"2021\"\n[lib]\nname = \"odd\"\n",
        ),
        (
            "memchr/Cargo.toml",
            "[package]\nname = \"memchr\"\nversion = \"0.0.9\"\nedition = \"2021\"\n",
        ),
        (
            "twin-0/Cargo.toml",
            "[package]\nname = \"twin\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "twin-1/Cargo.toml",
            "[package]\nname = \"twin\"\nversion = \"1.2.3\"\nedition = \"2021\"\n",
        ),
    ]);
    // Under LTO equal functions are merged into one, so they differ.
    for (bits, name) in ["odd", "memchr", "twin-0", "twin-1"].iter().enumerate() {
        project.write(
            &format!("{name}/src/lib.rs"),
            &format!(
                "#[inline(never)] pub fn calc(n: usize) -> usize {{ n.rotate_left({bits} + 3) }}"
            ),
        );
    }
    project
}

#[test]
fn versions_renames_and_stds_own_crates_are_kept_apart() {
    // Incremental builds name their units by hashes, fat LTO leaves bitcode in the archives.
    let project = workspace();
    for profile in ["release", "dev", "fat"] {
        let config = ["profile.fat.inherits = 'release'", "profile.fat.lto = true"];
        let config = config.map(str::to_owned).to_vec();
        let selection = Selection {
            profile: Some(profile.into()),
            config,
            ..quiet()
        };
        kept_apart(&project, &selection);
    }
}

fn kept_apart(project: &Project, selection: &Selection) {
    let context = project.context_in("app");
    let built = Build::one(&context, selection, &Additions::ANALYSIS).unwrap();
    let catalogue = Catalogue::for_build(&built);
    let mut seen = Vec::new();
    for ((name, hash), symbol) in crates_of(&built.artifacts[0].path) {
        if name == "__rustc" {
            continue;
        }
        let found = catalogue.crate_of(&name, Some(hash));
        assert!(found.certain, "{name} {hash:#x} {symbol}: {found:?}");
        seen.push(found.info);
    }
    for wanted in [
        info("the_app", "the-app", "1.0.0", Origin::Workspace),
        info("twin", "twin", "0.1.0", Origin::Path),
        info("twin", "twin", "1.2.3", Origin::Path),
        info("odd", "odd-name", "3.0.0", Origin::Path),
        info("memchr", "memchr", "0.0.9", Origin::Path),
    ] {
        assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
    }
    let core = seen.iter().find(|info| info.name == "core").unwrap();
    assert_eq!(core.origin, Origin::Std);
    assert_eq!(core.version.as_ref(), Some(&built.toolchain.release));
    // std's own dependencies, with the version that their path in std's binary shows.
    for info in seen
        .iter()
        .filter(|info| info.origin == Origin::StdDependency)
    {
        assert!(info.version.is_some(), "{info:?}");
    }
    let gimli = seen.iter().find(|info| info.name == "gimli").unwrap();
    let data = fs::read(&built.artifacts[0].path).unwrap();
    let shown = format!("/gimli-{}/", gimli.version.as_deref().unwrap());
    assert!(
        data.windows(shown.len())
            .any(|window| window == shown.as_bytes()),
        "{shown}"
    );

    // A name alone does not say which.
    assert!(!catalogue.crate_of("twin", None).certain);
    assert!(!catalogue.crate_of("memchr", None).certain);
    assert!(!catalogue.crate_of("twin", Some(1)).certain);
    assert!(catalogue.crate_of("odd", None).certain);
    assert_eq!(
        catalogue.crate_of("nobody", Some(1)).info.origin,
        Origin::Unknown
    );
}

#[test]
fn a_file_is_catalogued_by_the_deps_beside_it() {
    let project = workspace();
    let context = project
        .context_in("app")
        .with_env("RUSTFLAGS", "-Csymbol-mangling-version=v0");
    let built = context
        .cargo()
        .args(["build", "-q", "--release"])
        .status()
        .unwrap();
    assert!(built.success());
    let file = project
        .path("app/target/release")
        .join(format!("the-app{}", std::env::consts::EXE_SUFFIX));
    // Seen from inside and from elsewhere.
    for (place, own) in [("app", Origin::Workspace), ("cargo-home", Origin::Path)] {
        let catalogue =
            Catalogue::for_file(&project.context_in(place), &Mapping::open(&file).unwrap());
        let mut seen = Vec::new();
        for ((name, hash), symbol) in crates_of(&file) {
            if name == "__rustc" {
                continue;
            }
            let found = catalogue.crate_of(&name, Some(hash));
            assert!(found.certain, "{name} {hash:#x} {symbol}: {found:?}");
            seen.push(found.info);
        }
        for wanted in [
            info("the_app", "the-app", "1.0.0", own),
            info("twin", "twin", "0.1.0", Origin::Path),
            info("twin", "twin", "1.2.3", Origin::Path),
            info("odd", "odd-name", "3.0.0", Origin::Path),
        ] {
            assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
        }
    }
    // A copy far from its deps is known by name only.
    let copy = project.path("elsewhere/the-app");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(&file, &copy).unwrap();
    let catalogue = Catalogue::for_file(
        &project.context_in("cargo-home"),
        &Mapping::open(&copy).unwrap(),
    );
    assert!(!catalogue.crate_of("odd", Some(1)).certain);
    // …or by the paths that it mentions.
    let text = b"\0/x/registry/src/index.example-0a/some-thing-1.2.3+x.4/src/lib.rs\0/rust/deps/gimli-9.9.9/src/a.rs";
    let prebuilt = project.path("elsewhere/prebuilt");
    fs::write(
        &prebuilt,
        [vec![b'x'; (4 << 20) - 30], text.to_vec()].concat(),
    )
    .unwrap();
    let catalogue = Catalogue::for_file(
        &project.context_in("cargo-home"),
        &Mapping::open(&prebuilt).unwrap(),
    );
    let found = catalogue.crate_of("some_thing", Some(1));
    assert_eq!(
        found.info,
        info("some_thing", "some-thing", "1.2.3+x.4", Origin::Registry)
    );
    assert!(!found.certain);
    assert!(
        catalogue
            .crates()
            .any(|known| known.version.as_deref() == Some("9.9.9"))
    );
}

#[test]
fn sources_lead_to_their_crates() {
    let project = Project::new(&HELLO);
    project.write("src/lib.rs", "pub mod part;");
    project.write("src/part.rs", "");
    project.write(
        "src/bin/extra/main.rs",
        "mod inner; fn main() { inner::f() }",
    );
    project.write("src/bin/extra/inner.rs", "pub fn f() {}");
    project.write(
        "Cargo.toml",
        &format!(
            "{}[lib]\nname = \"hello_lib\"\n[dependencies]\nnear = {{ path = \"near\" }}\n",
            HELLO[0].1
        ),
    );
    project.write(
        "near/Cargo.toml",
        "[package]\nname = \"near\"\nversion = \"0.5.0\"\n",
    );
    project.write("near/src/lib.rs", "");
    project.write(
        "build.rs",
        "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }",
    );
    let remap = format!("--remap-path-prefix={}=/shown", project.path("").display());
    let context = project
        .context()
        .with_env("RUSTFLAGS", remap.trim_end_matches('/'));
    let built = Build::one(&context, &bin("extra"), &Additions::ANALYSIS).unwrap();
    let catalogue = Catalogue::for_build(&built);
    let at = |path: &str| catalogue.crate_of_path(path);
    let name = |path: &str| at(path).map(|info| info.name).unwrap_or_default();

    assert_eq!(name("src/part.rs"), "hello_lib");
    assert_eq!(name("src/bin/extra/main.rs"), "extra");
    assert_eq!(name("src/bin/extra/inner.rs"), "extra");
    assert_eq!(at("src/part.rs").unwrap().package.as_deref(), Some("hello"));
    let absolute = project.path("near/src/deep/mod.rs");
    assert_eq!(
        at(&absolute.to_string_lossy()),
        Some(info("near", "near", "0.5.0", Origin::Path))
    );
    assert_eq!(name("/shown/near/src/lib.rs"), "near");
    assert_eq!(built.scripts.len(), 1);
    let generated = built.scripts[0].out_dir.join("made.rs");
    assert_eq!(name(&generated.to_string_lossy()), "hello_lib");

    let registry = "/home/x/.cargo/registry/src/index.example-1949cf8c6b5b557f";
    let found = at(&format!("{registry}/regex-automata-0.4.9/src/dfa/mod.rs")).unwrap();
    assert_eq!(
        found,
        info(
            "regex_automata",
            "regex-automata",
            "0.4.9",
            Origin::Registry
        )
    );
    let found = at(&format!(
        "{registry}/zstd-sys-2.0.16+zstd.1.5.7/zstd/lib/x.c"
    ))
    .unwrap();
    assert_eq!(found.version.as_deref(), Some("2.0.16+zstd.1.5.7"));
    assert_eq!(
        at("/home/x/.cargo/git/checkouts/thing-0a1b/77aa/src/lib.rs")
            .unwrap()
            .origin,
        Origin::Git
    );
    let found = at("/rust/deps/hashbrown-0.16.1/src/raw.rs").unwrap();
    assert_eq!(
        found,
        info("hashbrown", "hashbrown", "0.16.1", Origin::StdDependency)
    );
    if let Some(commit) = &built.toolchain.commit_hash {
        let found = at(&format!("/rustc/{commit}/library/core/src/fmt/mod.rs")).unwrap();
        assert_eq!((found.name.as_str(), found.origin), ("core", Origin::Std));
        assert_eq!(found.version.as_ref(), Some(&built.toolchain.release));
    }
    let other = at("/rustc/0123456789/library/backtrace/src/lib.rs").unwrap();
    assert_eq!((other.name.as_str(), other.version), ("std", None));
    assert_eq!(at("/usr/include/stdio.h"), None);
    assert_eq!(at(""), None);
    assert_eq!(at("crypto/cipher.c"), None, "relative to nobody knows what");
}

/// Assembly, because every Rust toolchain can assemble: in a crate's build it would come by `cc`.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn native_code_is_named_after_the_crate_that_brought_it() {
    let compiler = std::process::Command::new("cc").arg("--version").output();
    let archiver = std::process::Command::new("ar").arg("--version").output();
    if compiler.is_err() || archiver.is_err() {
        panic!("this test needs `cc` and `ar`");
    }
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nnative-sys = { path = \"native\" }\n",
        ),
        (
            "src/main.rs",
            "fn main() { std::process::exit(native_sys::call()) }",
        ),
        (
            "native/Cargo.toml",
            "[package]\nname = \"native-sys\"\nversion = \"0.2.0\"\nedition = \"2021\"\n",
        ),
        (
            "native/src/lib.rs",
            "extern \"C\" { fn from_c() -> i32; }\npub fn call() -> i32 { unsafe { from_c() } }\n#[no_mangle] pub extern \"C\" fn from_rust() {}",
        ),
        (
            "native/from.c",
            "static __attribute__((noinline)) int step(int n) { return n * 3; }\nint from_c(void) { return step(4); }",
        ),
        (
            "native/build.rs",
            r#"
            use std::process::Command;
            fn main() {
                let out = std::env::var("OUT_DIR").unwrap();
                let run = |program: &str, args: &[&str]| assert!(Command::new(program).args(args).status().unwrap().success());
                run("cc", &["-c", "from.c", "-o", &format!("{out}/from.o")]);
                run("ar", &["rcs", &format!("{out}/libfrom.a"), &format!("{out}/from.o")]);
                println!("cargo::rustc-link-search=native={out}");
                println!("cargo::rustc-link-lib=static=from");
            }
        "#,
        ),
    ]);
    let selection = Selection {
        packages: vec!["app".into()],
        ..quiet()
    };
    let built = Build::one(&project.context(), &selection, &Additions::ANALYSIS).unwrap();
    let catalogue = Catalogue::for_build(&built);
    let owner = catalogue.native_owner("from_c").unwrap();
    assert_eq!(
        owner,
        info("native_sys", "native-sys", "0.2.0", Origin::Native)
    );
    assert_eq!(catalogue.native_owner("from_rust"), None);
    let rust = catalogue.exported_by("from_rust").unwrap();
    assert_eq!(
        rust,
        info("native_sys", "native-sys", "0.2.0", Origin::Path)
    );
    assert_eq!(catalogue.exported_by("from_c"), None);
    assert_eq!(
        catalogue.exported_by("__umodti3").unwrap().name,
        "compiler_builtins"
    );
    assert_eq!(catalogue.native_owner("puts"), None);

    // What is local to a C file stands in no archive's index.
    assert_eq!(catalogue.native_owner("step"), None);
    let local = |source, symbol| catalogue.native_local(source, symbol);
    assert_eq!(local("from.c", "step"), Some((owner.clone(), true)));
    for clone in [
        "step.part.0",
        "step.isra.0.cold",
        "step_0",
        "inlined_elsewhere",
    ] {
        assert_eq!(
            local("from.c", clone),
            Some((owner.clone(), false)),
            "{clone}"
        );
    }
    assert_eq!(local("other.c", "step"), None);
    assert_eq!(local("", "step"), None);
}

#[test]
fn the_standard_library_that_was_built_with_the_program_is_std() {
    let project = Project::new(&[]);
    let at = |path: &str| project.path(path);
    let write = |path: &str, text: &str| project.write(path, text);
    let library = "tools/lib/rustlib/src/rust/library";
    let source = "registry+https://index.example/";
    write(
        &format!("{library}/Cargo.lock"),
        &format!(
            "version = 4\n[[package]]\nname = \"gimli\"\nversion = \"0.32.3\"\nsource = \"{source}\"\n"
        ),
    );
    write(
        &format!("{library}/core/Cargo.toml"),
        "[package]\nname = \"core\"\nversion = \"0.0.0\"\n",
    );
    let registry = "home/registry/src/index-0123";
    for (name, source) in [
        ("core", format!("{library}/core/src/lib.rs")),
        ("gimli", format!("{registry}/gimli-0.32.3/src/lib.rs")),
        ("memchr", format!("{registry}/memchr-2.8.3/src/lib.rs")),
    ] {
        let source = at(&source);
        write(&format!("target/release/deps/lib{name}-01.rlib"), "");
        write(
            &format!("target/release/deps/{name}-01.d"),
            &format!("lib{name}-01.rlib: {}\n", source.display()),
        );
    }
    let file = at("target/release/program");
    fs::copy(std::env::current_exe().unwrap(), &file).unwrap();
    let context = project.context();
    let catalogue = Catalogue::for_file(&context, &Mapping::open(&file).unwrap());
    let beside = |name: &str, version: &str| {
        let mut all = catalogue.crates();
        let found = all.find(|info| info.name == name && info.version.as_deref() == Some(version));
        found.map(|info| info.origin)
    };
    assert_eq!(beside("core", "0.0.0"), None);
    assert_eq!(beside("gimli", "0.32.3"), Some(Origin::StdDependency));
    assert_eq!(beside("memchr", "2.8.3"), Some(Origin::Registry));
}
