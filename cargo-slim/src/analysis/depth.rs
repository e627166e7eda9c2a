//! What was read of a file, and why the rest was not.

use super::{
    model::ReadDepth,
    subject::{Depth, Subject},
};
use codecost::{
    disasm::{finds_starts, is_decoded},
    image::{Architecture, Format, Image, Section, SectionKind, SymbolKind, is_bitcode},
    report::Warning,
};

/// What was read of the file.
pub fn of(subject: &Subject<'_>) -> ReadDepth {
    let slices = subject.slices.iter().map(|slice| of(&slice.subject));
    if let Some(depth) = weakest(slices) {
        return depth;
    }
    let image = &subject.image;
    let linked = image.parts.is_empty() && image.architecture != Architecture::Universal;
    let deep = linked
        && matches!(
            image.format,
            Format::Elf | Format::MachO | Format::Pe | Format::Wasm
        );
    let of_objects = is_of_objects(image);
    let apart = is_apart(subject);
    ReadDepth {
        functions: match deep {
            true => knows_functions(subject),
            false if of_objects => knows_functions_of_objects(subject),
            false => false,
        },
        data: of_objects || deep && is_decoded(image),
        unwind: (of_objects || deep) && subject.unwind.damaged == 0,
        relocations: of_objects || deep,
        units: !subject.stripped && apart != Some(Apart::Pdb),
        debug: deep && apart.is_none(),
    }
}

/// Whether something tells where functions start: symbols, tables, or the code itself.
fn knows_functions(subject: &Subject<'_>) -> bool {
    let image = &subject.image;
    if image.format == Format::Wasm || finds_starts(image.architecture) {
        return true;
    }
    if subject.depth != Depth::Tables {
        return !subject.is_searched;
    }
    let mut sections = image.sections.iter();
    sections.any(|section| {
        let kinds = [SectionKind::Symbols, SectionKind::EhFrame];
        kinds.contains(&section.kind) || section.kind == SectionKind::UnwindIndex
    })
}

/// Whether a linker has not seen it yet. An archive may have no members.
fn is_of_objects(image: &Image<'_>) -> bool {
    matches!(image.format, Format::Archive | Format::Object)
}

/// Whether the functions of objects were read, as far as they have machine code.
fn knows_functions_of_objects(subject: &Subject<'_>) -> bool {
    if !subject.code.functions.is_empty() {
        return true;
    }
    let image = &subject.image;
    let is_elsewhere = intermediate(image)
        .iter()
        .any(|warning| warning.count > Some(0));
    if is_elsewhere || thin(image).is_some() {
        return false;
    }
    let mut sections = image.sections.iter();
    let mut holds_code =
        || sections.any(|section| section.kind == SectionKind::Code && section.file.size > 0);
    subject.depth == Depth::Tables || !holds_code()
}

/// How the functions became known that no table lists, or why they did not.
fn searched(subject: &Subject<'_>) -> Option<Warning> {
    if !subject.is_searched {
        return None;
    }
    let image = &subject.image;
    let found = subject.unwind.guessed.len();
    let how = "by what calls, exports and pointers lead to, and by how they are aligned; where they \
               start and end is inferred";
    if !finds_starts(image.architecture) {
        let message = format!(
            "neither symbols nor tables say where functions start, and machine code for {} is not \
             decoded, so most functions are not known",
            image.architecture
        );
        let help = "pass its debug file with `--debug-file`, or look at a build of the same program \
                    for x86-64 or AArch64";
        return Some(Warning::new("no-functions", message).help(help));
    }
    let message = match subject.unwind.functions.is_empty() {
        true => format!(
            "neither symbols nor tables say where functions start, so {found} were found in the \
             code: {how}"
        ),
        false => format!(
            "the function table leaves out functions that save nothing, so {found} were found in \
             the code between: {how}"
        ),
    };
    let help = "the debug file or PDB of this build lists all functions: `--debug-file`";
    let warning = Warning::new("inferred-functions", message).help(help);
    (found > 0).then(|| warning.count(found as u64))
}

/// What was read of every image.
fn weakest(all: impl Iterator<Item = ReadDepth>) -> Option<ReadDepth> {
    all.reduce(|a, b| ReadDepth {
        functions: a.functions && b.functions,
        data: a.data && b.data,
        unwind: a.unwind && b.unwind,
        relocations: a.relocations && b.relocations,
        units: a.units && b.units,
        debug: a.debug && b.debug,
    })
}

/// Debug information that the file has elsewhere and that was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apart {
    /// In a PDB.
    Pdb,
    /// In the object files, from where `dsymutil` puts it into a bundle.
    Objects,
}

fn is_apart(subject: &Subject<'_>) -> Option<Apart> {
    let image = &subject.image;
    match image.format {
        Format::Pe if subject.pdb.is_none() && image.pdb_path().is_some() => Some(Apart::Pdb),
        Format::MachO if subject.debug.is_empty() && has_objects(subject) => Some(Apart::Objects),
        _ => None,
    }
}

/// Whether the symbols name object files: what was compiled with debug information.
fn has_objects(subject: &Subject<'_>) -> bool {
    let symbols = &subject.symbols;
    let mut files = symbols.symbols.iter();
    !symbols.files.is_empty() && files.any(|symbol| symbol.kind == SymbolKind::File)
}

/// What in place of machine code is in members of an archive or in an object.
fn intermediate(image: &Image<'_>) -> [Warning; 2] {
    let parts = image.parts.iter();
    let bitcode = parts.filter(|part| is_bitcode(image.bytes_in(part.file)));
    // GCC puts what its linker plugin compiles into sections of this name; code beside them is of
    // "fat" objects, and is what is linked without the plugin.
    let slim = image.parts.iter().filter(|part| {
        let of = part.sections.start as usize..part.sections.end as usize;
        let sections = image.sections.get(of).unwrap_or_default();
        let named = |section: &Section<'_>| section.name.starts_with(".gnu.lto_");
        let code = |section: &Section<'_>| {
            let holds = section.kind == SectionKind::Code || section.kind.is_data();
            section.loaded && holds && section.file.size > 0
        };
        sections.iter().any(named) && !sections.iter().any(code)
    });
    let (who, its, it) = match image.format {
        Format::Object => ("the object holds", "its", "it"),
        _ => ("members hold", "their", "them"),
    };
    let of = |code, what, help: &str, count: usize| {
        let message = format!(
            "{who} {what} in place of machine code, so {its} functions and sizes are not known before \
             the linker has optimised {it}"
        );
        Warning::new(code, message)
            .help(help.to_owned())
            .count(count as u64)
    };
    [
        of(
            "bitcode-members",
            "LLVM bitcode",
            "analyse the linked program, or build without link-time optimisation: \
             CARGO_PROFILE_RELEASE_LTO=off",
            bitcode.count(),
        ),
        of(
            "gcc-lto-members",
            "GCC's intermediate code (`-flto`)",
            "analyse the linked program, or compile without `-flto`, or with \
             `-ffat-lto-objects`",
            slim.count(),
        ),
    ]
}

/// The members of a thin archive are files of their own, beside it.
fn thin(image: &Image<'_>) -> Option<Warning> {
    let is_thin = image.bytes.starts_with(b"!<thin>\n");
    let parts = image.parts.iter().take(NAMED);
    let names: Vec<String> = parts.map(|part| format!("`{}`", part.name)).collect();
    let more = match image.parts.len() > NAMED {
        true => ", …",
        false => "",
    };
    let message = format!(
        "the archive is thin: it only names its members, which are files beside it ({}{more}), so \
         their functions and sizes are not in it",
        names.join(", ")
    );
    let first = image.parts.first().map_or("NAME", |part| &*part.name);
    let help = format!(
        "analyse one with `--member {first}`, or make an archive that holds them with `ar rcs`"
    );
    is_thin.then(|| Warning::new("thin-archive", message).help(help))
}

/// Members that a warning names.
const NAMED: usize = 3;

/// One warning for each reason.
pub(super) fn warnings(subject: &Subject<'_>, is_built: bool) -> Vec<Warning> {
    let image = &subject.image;
    let mut warnings = Vec::new();
    if is_of_objects(image) {
        let mut sections = image.sections.iter();
        if sections.any(|section| section.kind == SectionKind::Debug) {
            warnings.push(
                Warning::new(
                    "not-linked",
                    "the debug information of objects waits for a linker, so its owners are known \
                     by object only",
                )
                .help("analyse the linked program for owners by function"),
            );
        }
        warnings.extend(intermediate(image));
        warnings.extend(thin(image));
        return warnings;
    }
    if image.architecture == Architecture::Universal {
        let names: Vec<&str> = image.sections.iter().map(|part| &*part.name).collect();
        let first = names.first().copied().unwrap_or("aarch64");
        warnings.push(
            Warning::new(
                "universal-file",
                format!(
                    "the file holds an image for each of {}, which are not read together",
                    names.join(", ")
                ),
            )
            .help(format!("choose one with `--arch {first}`")),
        );
        return warnings;
    }
    match image.format {
        // The reason is that the tables are not there, which its own warning says.
        Format::MachO | Format::Pe if !image.missing.is_empty() => return warnings,
        Format::Elf | Format::MachO | Format::Pe | Format::Wasm => {}
        Format::Archive | Format::Object => return warnings,
    }
    // `objcopy --only-keep-debug` leaves the sections and takes their bytes away.
    let code = image.section(".text");
    if image.format == Format::Elf && code.is_some_and(|(_, code)| code.kind == SectionKind::Bss) {
        let message = "this is a debug file: it has the symbols and debug information of a program, and \
                       none of its code";
        let help = "name the program with `--file`, and this file with `--debug-file`";
        warnings.push(Warning::new("debug-file", message).help(help));
    }
    let apart = is_apart(subject);
    match apart {
        Some(Apart::Pdb) => {
            let path = image.pdb_path().unwrap_or_default();
            let name = path.rsplit(['/', '\\']).next().unwrap_or(&path);
            let what =
                "its functions and their crates have no names, and it has no debug information";
            warnings.push(
                Warning::new(
                    "no-pdb",
                    format!("`{name}` is not beside the file or is another build's, so {what}"),
                )
                .help("pass the PDB with `--debug-file`"),
            );
        }
        Some(Apart::Objects) => warnings.push(
            Warning::new(
                "no-dsym",
                "the debug information is in the object files, and no dSYM bundle is beside the \
                 file, so it is not read",
            )
            .help(
                "make the bundle with `dsymutil`, or build with `split-debuginfo = \"packed\"`; \
                 pass it with `--debug-file` where it is elsewhere",
            ),
        ),
        None => {}
    }
    if subject.stripped && apart != Some(Apart::Pdb) {
        let help = match is_built {
            true => {
                "look for a build script that gives the linker `-s` or `--strip-all` \
                 (`cargo::rustc-link-arg`)"
            }
            false => "pass its debug file with `--debug-file`, or build it with `strip = \"none\"`",
        };
        let message = match image.format {
            Format::Elf => "the file has no symbol table, so most owners are unknown or inferred",
            _ => {
                "the file has no symbols for most of its functions, so most owners are unknown or \
                 inferred"
            }
        };
        warnings.push(Warning::new("stripped", message).help(help));
    }
    if subject.stripped && image.section(".gnu_debugdata").is_some() {
        let message = "`.gnu_debugdata` holds compressed symbols that cannot be read: it is damaged, or \
                       compressed otherwise than debuggers' tools do it, so its names are missing";
        let help = "unpack it: `objcopy --dump-section .gnu_debugdata=symbols.xz FILE /dev/null`, \
                    `xz -d symbols.xz`; pass the result with `--debug-file symbols`";
        warnings.push(Warning::new("unread-debugdata", message).help(help));
    }
    warnings.extend(searched(subject));
    if !is_decoded(image) {
        let message = match image.format {
            Format::Pe => format!(
                "machine code for {} is not decoded, so data has an owner only where the loader's \
                 relocations tell who uses it",
                image.architecture
            ),
            _ => format!(
                "machine code for {} is not decoded, so anonymous data has no owner",
                image.architecture
            ),
        };
        let help = "look at a build of the same program for x86-64 or AArch64";
        warnings.push(Warning::new("no-disassembler", message).help(help));
    }
    warnings
}
