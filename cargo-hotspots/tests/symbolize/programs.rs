//! Programs to look up addresses in, made by rustc, and profiles of them made by hand.

use cargo_hotspots::{
    profile::{Frame, FrameId, Module, ModuleId, ModuleKind, Place, Profile},
    symbolize::symbolize,
    symbols::{Chain, Function, Owner, Symbols},
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    attribution::Catalogue,
    demangle::Name,
    image::{Image, Mapping},
};
use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A dependency whose small functions are inlined away, and whose macro writes functions.
const HELPER: &str = r#"
#[inline(always)]
pub fn mix(x: u64) -> u64 { x.rotate_left(13).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (x >> 7) }
#[macro_export]
macro_rules! define { ($name:ident) => {
    #[inline(never)]
    pub fn $name(n: u64) -> u64 { (0..n).fold(1, |sum, x| sum ^ std::hint::black_box(x) * 3) }
} }
pub trait Step { fn step(&self, x: u64) -> u64; }
impl Step for u64 {
    #[inline(never)]
    fn step(&self, x: u64) -> u64 { std::hint::black_box(self ^ x) / 3 }
}
"#;

/// Uses much of std, so that std's own functions, with their debug information, are linked.
const MAIN: &str = r#"
use helper::Step;
use std::{collections::{BTreeMap, HashMap}, fmt::Write, sync::mpsc, thread};
helper::define!(written_by_macro);
mod inner {
    pub struct Wrapper(pub Vec<u64>);
    impl Wrapper {
        #[inline(never)]
        pub fn total(&self) -> u64 { self.0.iter().map(|x| helper::mix(*x)).fold(0, u64::wrapping_add) }
    }
}
#[inline(never)]
fn generic<T: Ord + Clone>(items: &[T]) -> Vec<T> { let mut v = items.to_vec(); v.sort(); v.dedup(); v }
#[unsafe(no_mangle)]
pub extern "C" fn exported_name(x: u64) -> u64 { std::hint::black_box(x) + 1 }
fn main() {
    let n = std::env::args().count() as u64 * 1000;
    let wrapper = inner::Wrapper((0..n).collect());
    let mut text = String::new();
    write!(text, "{} {:?} {:e}", wrapper.total(), generic(&wrapper.0), n as f64 / 3.0).unwrap();
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let mut counts: HashMap<String, u64> = HashMap::new();
    for word in generic(&words) { *counts.entry(word).or_default() += 1; }
    let sorted: BTreeMap<_, _> = counts.into_iter().collect();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(written_by_macro(n) + n.step(3) + exported_name(n)).unwrap());
    println!("{} {}", sorted.len(), receiver.recv().unwrap());
    if let Ok(text) = std::fs::read_to_string("/nonexistent") { println!("{text}"); }
    println!("{:?}", std::net::TcpStream::connect("127.0.0.1:1").is_ok());
}
"#;

/// A directory with a program in it.
pub(crate) struct Program {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) file: PathBuf,
}

pub(crate) const V0: &str = "-Csymbol-mangling-version=v0";
pub(crate) const LEGACY: [&str; 2] = ["-Zunstable-options", "-Csymbol-mangling-version=legacy"];

/// Runs a command and shows what it said when it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn rustc() -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    command.env_remove("RUSTFLAGS");
    command
}

impl Program {
    /// Optimised, with these further flags of rustc.
    pub(crate) fn build(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        // A dependency as cargo lays it out: the path says package and version.
        let helper = root.join("registry/src/index.example-0/helper-1.2.3/src/lib.rs");
        fs::create_dir_all(helper.parent().unwrap()).unwrap();
        fs::write(&helper, HELPER).unwrap();
        fs::write(root.join("main.rs"), MAIN).unwrap();
        let bootstrap = |command: &mut Command| {
            if flags.contains(&"-Zunstable-options") {
                command.env("RUSTC_BOOTSTRAP", "1");
            }
        };
        let common = ["--edition=2024", "-Copt-level=2", "-Cmetadata=fixed"];
        let mut library = rustc();
        library
            .args(common)
            .args(flags)
            .args(["--crate-type=rlib", "--crate-name=helper"])
            .arg("-o")
            .arg(root.join("libhelper.rlib"))
            .arg(&helper);
        bootstrap(&mut library);
        run(&mut library);
        let file = root.join("program");
        let mut program = rustc();
        program
            .args(common)
            .args(flags)
            .args(["--crate-name=program", "-Clink-arg=-Wl,--build-id"])
            .arg("--extern=helper=libhelper.rlib")
            .args(["-o", "program", "main.rs"])
            .current_dir(root);
        bootstrap(&mut program);
        run(&mut program);
        Self { directory, file }
    }

    /// With v0 names and debug information, built once for all who do not change it.
    pub(crate) fn shared() -> &'static Self {
        static PROGRAM: OnceLock<Program> = OnceLock::new();
        PROGRAM.get_or_init(|| Self::build(&[V0, "-Cdebuginfo=1"]))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Runs a program of binutils in the file's directory.
pub(crate) fn tool<S: AsRef<OsStr>>(name: &str, arguments: &[S], directory: &Path) -> String {
    run(Command::new(name).args(arguments).current_dir(directory))
}

/// The code of a file: where it is in memory, and its bytes.
pub(crate) fn code(file: &Path) -> (AddressRange, Vec<u8>) {
    let mapping = Mapping::open(file).unwrap();
    let image = Image::parse(file, &mapping).unwrap();
    let (_, text) = image.section(".text").unwrap();
    (text.addresses(), image.section_bytes(text).to_vec())
}

/// Every so many bytes of the code.
pub(crate) fn addresses(file: &Path, step: u64) -> Vec<u64> {
    let (range, _) = code(file);
    (0..range.size / step)
        .map(|number| range.start.0 + number * step)
        .collect()
}

/// A module that is a file.
pub(crate) fn module(mapping: Mapping) -> Module {
    Module {
        name: mapping.path().display().to_string(),
        kind: ModuleKind::File,
        build_id: None,
        file: Some(mapping),
        problem: None,
    }
}

/// A profile with a frame at each address of a module.
pub(crate) fn profile(module: Module, addresses: &[u64]) -> Profile {
    let frame = |address: &u64| Frame {
        module: ModuleId(0),
        place: Place::Code(VirtualAddress(*address)),
    };
    Profile {
        modules: vec![module],
        frames: addresses.iter().map(frame).collect(),
        ..Profile::default()
    }
}

/// Names for addresses of a file.
pub(crate) struct Resolved {
    pub(crate) symbols: Symbols,
    addresses: Vec<u64>,
}

/// A scope in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) function: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
}

impl Resolved {
    pub(crate) fn of(file: &Path, addresses: &[u64]) -> Self {
        Self::with(module(Mapping::open(file).unwrap()), addresses)
    }

    pub(crate) fn with(module: Module, addresses: &[u64]) -> Self {
        let profile = profile(module, addresses);
        Self {
            symbols: symbolize(&profile, &Catalogue::empty()),
            addresses: addresses.to_vec(),
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, &Chain, Vec<Line>)> {
        let numbers = self.addresses.iter().zip(0..);
        numbers.map(|(address, number)| {
            let chain = &self.symbols.chains[number as usize];
            let scopes = self.symbols.scopes_of(FrameId(number));
            let lines = scopes.iter().map(|scope| Line {
                function: self.symbols.functions[scope.function.0 as usize]
                    .name
                    .clone(),
                file: scope
                    .file
                    .map(|file| self.symbols.files[file.0 as usize].clone()),
                line: scope.line,
            });
            (*address, chain, lines.collect())
        })
    }

    /// All chains in words, to compare two ways to the same.
    pub(crate) fn words(&self) -> Vec<(u64, Vec<Line>)> {
        self.each()
            .map(|(address, _, lines)| (address, lines))
            .collect()
    }

    /// The functions whose names contain this, with their crates.
    pub(crate) fn functions(&self, part: &str) -> Vec<(&Function, &Owner)> {
        let functions = self.symbols.functions.iter();
        functions
            .filter(|function| function.name.contains(part))
            .map(|function| (function, &self.symbols.crates[function.owner.0 as usize]))
            .collect()
    }
}

/// A name of a witness as we show it.
pub(crate) fn full(name: &str) -> String {
    Name::parse(name).full()
}
