//! The analysed file, opened and attributed: what all views start from.

use super::{
    debug_sections::DebugSections,
    files::Files,
    model::CrateInfo,
    names::{self, FunctionNames},
    roles::labels,
};
use crate::inference::{self, Basis};
use crate::ledger::{CodeReferences, DebugClaims, Inlined, Inputs, Ledger, Pointers, code_pieces};
use codecost::{
    Error, Result,
    address::AddressRange,
    attribution::{CodeMap, CrateId, Crates, Evidence, SymbolOwners, UnitOwners, path_root},
    demangle::Name,
    disasm::{find_functions, is_decoded, lacks_extents},
    hashing::NumberMap,
    image::{
        Format, Image, Mapping, RelocationTable, SectionKind, SymbolKind, SymbolTable,
        UnwindTables, debug_info::separate, pdb::Pdb,
    },
};
use std::{borrow::Cow, path::Path, sync::OnceLock};

/// What an analysis will ask of a [`Subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Its tables of contents: no names, no unwind tables, no debug information.
    Tables,
    /// Its functions.
    Functions,
    /// Who owns every byte.
    Bytes,
    /// And what refers to what.
    References,
}

/// An image of a universal file.
#[derive(Debug)]
pub struct Slice<'a> {
    /// Its architecture.
    pub name: String,
    /// What was read of it.
    pub subject: Subject<'a>,
}

/// A file with its functions attributed.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The analysed file.
    pub image: Image<'a>,
    /// Its symbols, from itself or from the debug file.
    pub symbols: SymbolTable<'a>,
    /// The loader's symbols.
    pub dynamic_symbols: SymbolTable<'a>,
    /// Who owns the symbols.
    pub owners: SymbolOwners,
    /// The unwind tables.
    pub unwind: UnwindTables,
    /// All functions.
    pub code: CodeMap,
    /// All crates that occur.
    pub crates: Crates<'a>,
    /// The crate that the artifact itself is, where known.
    pub leaf: Option<CrateId>,
    /// The debug information, from the file itself or from the debug file.
    pub debug: DebugSections<'a>,
    /// How each crate is shown, by its number.
    labels: Vec<CrateInfo>,
    /// Spelt out when first asked for.
    names: OnceLock<FunctionNames>,
    /// The file that holds parts of the debug information, where it was not found.
    pub unread_shared_debug: Option<String>,
    /// Whether there is no symbol table, neither in the file nor beside it; or one that names next to
    /// none of the functions.
    pub stripped: bool,
    /// Whether nothing says where most functions start, so that they were looked for in the code.
    pub is_searched: bool,
    /// The PDB of the file.
    pub pdb: Option<Pdb<'a>>,
    /// What the owner of each function rests on, where it was inferred; in their order, or empty.
    pub inferred: Vec<Option<Basis>>,
    /// What the functions refer to, where that was looked for.
    references: Option<CodeReferences>,
    /// What the loader writes into data, where that was looked for.
    pointers: Option<Pointers>,
    /// What it was read for.
    pub(super) depth: Depth,
    /// The images of a universal file, which has nothing else.
    pub slices: Vec<Slice<'a>>,
}

impl<'a> Subject<'a> {
    /// Reads and attributes. Linear in symbols and unwind entries, but for sorting.
    ///
    /// # Errors
    ///
    /// The file is no object file of a known format.
    pub fn new(files: &'a Files, depth: Depth) -> Result<Self> {
        let image = Image::parse(files.file.path(), &files.file)?;
        if depth == Depth::Tables && files.slices.is_empty() {
            return Ok(Self::of_tables(image, Crates::new(&files.catalogue)));
        }
        if !files.slices.is_empty() {
            let slice = |(name, files): &'a (String, Files)| {
                Ok(Slice {
                    name: name.clone(),
                    subject: Self::new(files, depth)?,
                })
            };
            let slices: Vec<Slice<'a>> = files.slices.iter().map(slice).collect::<Result<_>>()?;
            return Ok(Self {
                stripped: slices.iter().any(|slice| slice.subject.stripped),
                slices,
                ..Self::of_tables(image, Crates::new(&files.catalogue))
            });
        }
        let symbols = || {
            let dynamic_symbols = image.dynamic_symbols();
            let symbols = image.symbols();
            let by = by(&image, &symbols, &dynamic_symbols);
            let wanted = depth >= Depth::Bytes || ends_by_unwinding(&image, &symbols);
            let pointers = wanted.then(|| Pointers::new(&image, by));
            (symbols, dynamic_symbols, pointers)
        };
        let ((mut symbols, dynamic_symbols, pointers), mut unwind) =
            rayon::join(symbols, || image.unwind_tables());
        if let (Some(pointers), false) = (&pointers, image.parts.is_empty()) {
            unwind = image.unwind_of_parts(pointers.tables());
        }
        let pdb = files.debug.as_ref().and_then(|debug| Pdb::parse(debug));
        if let Some(pdb) = &pdb {
            symbols = pdb.symbols(&image);
        }
        let debug = files.debug.as_ref().filter(|_| pdb.is_none());
        let debug_image = match debug {
            Some(debug) => Some(Image::parse(debug.path(), debug)?),
            None => None,
        };
        if let Some(debug) = &debug_image {
            let theirs = debug.symbols();
            if theirs.symbols.len() > symbols.symbols.len() {
                // Its tables have no bytes in this file.
                symbols = SymbolTable {
                    section: None,
                    strings: None,
                    ..theirs
                };
                // Symbols that a file carries compressed are those that the loader's lack.
                if files.debug.as_ref().map(Mapping::path) == Some(files.file.path()) {
                    let defined = dynamic_symbols.symbols.iter();
                    let defined = defined.filter(|symbol| symbol.section.is_some());
                    symbols.symbols.extend(defined.cloned());
                }
            }
        }
        let mut crates = Crates::new(&files.catalogue);
        // A stripped library still says what it exports.
        let named = if symbols.symbols.is_empty() {
            &dynamic_symbols
        } else {
            &symbols
        };
        let owners = SymbolOwners::new(named, &mut crates);
        let is_searched = lacks_extents(&image, named, &unwind);
        if is_searched {
            let relocations = image.relocations(&dynamic_symbols);
            unwind.guessed = find_functions(&image, named, &unwind, &relocations);
        }
        let mut code = CodeMap::new(&image, named, &unwind);
        let shared_image = match &files.shared_debug {
            Some(shared) => Some(Image::parse(shared.path(), shared)?),
            None => None,
        };
        let link = separate::SharedLink::of(debug_image.as_ref().unwrap_or(&image));
        let unread_shared_debug = link
            .filter(|_| shared_image.is_none())
            .map(|link| String::from_utf8_lossy(link.path).into_owned());
        let debug = DebugSections::of(&image, debug_image.as_ref(), shared_image.as_ref());
        // Debug information may add functions; else what they refer to can be looked for already.
        let references = if depth >= Depth::Bytes && debug.is_empty() {
            let references = references(&image, &code, pointers.as_ref(), depth);
            let name = || code.name(named, &owners, &mut crates);
            let ((), references) = rayon::join(name, references);
            Some(references)
        } else {
            code.name(named, &owners, &mut crates);
            None
        };
        if code.has_guesses() && !debug.is_empty() {
            let info = debug.load();
            let units = UnitOwners::new(&info, &mut crates);
            let known = units.functions(&info, &code_ranges(&image), &mut crates);
            code.learn(&image, named, &known, &crates);
        }
        let stripped = symbols.symbols.is_empty() || is_nameless(&image, &symbols, &code);
        if symbols.symbols.is_empty() {
            symbols = SymbolTable {
                section: None,
                strings: None,
                ..dynamic_symbols.clone()
            };
        }
        let (mut references, mut pointers) = (references, pointers);
        let mut inferred = Vec::new();
        // What is linked into a file that has debug information is named there.
        let may_infer = inference::reads(&image) && debug.is_empty();
        if stripped && image.parts.is_empty() && may_infer {
            let found = references.get_or_insert_with(|| {
                CodeReferences::new(&image, &code_pieces(&image, &code), false)
            });
            let pointers = pointers.get_or_insert_with(|| Pointers::new(&image, &dynamic_symbols));
            let inputs = inference::Inputs {
                image: &image,
                owners: &owners,
                references: found,
                pointers,
            };
            inferred = inference::infer(&inputs, &mut code, &mut symbols, &mut crates);
        }
        let labels = labels(&crates, &code, &symbols, !image.library);
        let leaf = owners.leaf();
        Ok(Self {
            labels,
            names: OnceLock::new(),
            debug,
            image,
            symbols,
            dynamic_symbols,
            owners,
            unwind,
            code,
            crates,
            leaf,
            stripped,
            is_searched,
            pdb,
            unread_shared_debug,
            inferred,
            references,
            pointers,
            depth,
            slices: Vec::new(),
        })
    }

    /// The image alone, all that is read from within its sections left empty.
    fn of_tables(image: Image<'a>, mut crates: Crates<'a>) -> Self {
        let table = SymbolTable::default();
        let owners = SymbolOwners::new(&table, &mut crates);
        let mut sections = image.sections.iter();
        Self {
            stripped: !sections.any(|section| section.kind == SectionKind::Symbols),
            image,
            symbols: table.clone(),
            dynamic_symbols: table,
            owners,
            unwind: UnwindTables::default(),
            code: CodeMap::default(),
            labels: labels(&crates, &CodeMap::default(), &SymbolTable::default(), false),
            crates,
            leaf: None,
            is_searched: false,
            pdb: None,
            debug: DebugSections::default(),
            names: OnceLock::new(),
            unread_shared_debug: None,
            inferred: Vec::new(),
            references: None,
            pointers: None,
            depth: Depth::Tables,
            slices: Vec::new(),
        }
    }

    /// Accounts for every byte; code that is in `inlined` is for the crate that it names.
    pub fn ledger(&mut self, inlined: &[Inlined]) -> Ledger {
        self.account(inlined, |ledger| ledger, |_| ()).0
    }

    /// Accounts for every byte and does `then` with the ledger; does something else with the
    /// functions meanwhile.
    pub(crate) fn ledger_beside<L: Send, T: Send>(
        &mut self,
        then: impl FnOnce(Ledger) -> L + Send,
        beside: impl FnOnce(&Functions<'_, 'a>) -> T + Send,
    ) -> (L, T) {
        self.account(&[], then, beside)
    }

    fn account<L: Send, T: Send>(
        &mut self,
        inlined: &[Inlined],
        then: impl FnOnce(Ledger) -> L + Send,
        beside: impl FnOnce(&Functions<'_, 'a>) -> T + Send,
    ) -> (L, T) {
        let info = self.debug.load();
        let units = UnitOwners::new(&info, &mut self.crates);
        let debug = DebugClaims::new(&self.image, &info, &units);
        let mut pointers = self.pointers.take().unwrap_or_else(|| {
            let by = by(&self.image, &self.symbols, &self.dynamic_symbols);
            Pointers::new(&self.image, by)
        });
        let references = self.references.take().unwrap_or_else(references(
            &self.image,
            &self.code,
            Some(&pointers),
            self.depth,
        ));
        pointers.find_distances(&self.image, &self.code, &references);
        let inputs = Inputs {
            image: &self.image,
            symbols: &self.symbols,
            dynamic_symbols: &self.dynamic_symbols,
            owners: &self.owners,
            unwind: &self.unwind,
            code: &self.code,
            references: &references,
            pointers: &pointers,
            inlined,
            debug: debug.as_ref(),
            leaf: self.leaf,
        };
        let functions = Functions {
            image: &self.image,
            symbols: &self.symbols,
            code: &self.code,
            labels: &self.labels,
        };
        let crates = &mut self.crates;
        // One after the other, so something else can be done beside it.
        let both = rayon::join(|| then(Ledger::new(&inputs, crates)), || beside(&functions));
        // Data may belong to crates that have no function.
        self.labels = labels(&self.crates, &self.code, &self.symbols, !self.image.library);
        self.pointers = Some(pointers.into_tables());
        self.references = references.with_calls();
        both
    }

    /// The crate of the innermost inlined function, by address.
    ///
    /// # Errors
    ///
    /// There is no debug information.
    pub fn inlined(&mut self, path: &Path) -> Result<Vec<Inlined>> {
        if let Some(pdb) = &self.pdb {
            let inlined = of_pdb(pdb, &self.image, &mut self.crates);
            self.labels = labels(&self.crates, &self.code, &self.symbols, !self.image.library);
            return Ok(inlined);
        }
        let info = self.debug.load();
        if info.is_empty() {
            return Err(without_debug_info(path, "`--by inlined`"));
        }
        let units = UnitOwners::new(&info, &mut self.crates);
        let inlined = units.inlined(&info, &code_ranges(&self.image), &mut self.crates);
        self.labels = labels(&self.crates, &self.code, &self.symbols, !self.image.library);
        Ok(inlined)
    }

    /// Each range of code that was inlined, with the function that it is of.
    ///
    /// # Errors
    ///
    /// There is no debug information.
    pub(crate) fn inlined_code(&mut self, path: &Path) -> Result<InlinedCode> {
        let info = self.debug.load();
        if info.is_empty() {
            return Err(without_debug_info(path, "`inlined`"));
        }
        let units = UnitOwners::new(&info, &mut self.crates);
        let map = info.inlined(&code_ranges(&self.image));
        let mut code = InlinedCode::default();
        let mut names: NumberMap<u32, u32> = NumberMap::default();
        for range in map.ranges.iter().filter(|range| range.inlined) {
            let Some(function) = map.functions.get(range.function as usize) else {
                continue;
            };
            let next = code.functions.len() as u32;
            let known = *names.entry(range.function).or_insert(next);
            if known == next {
                let linkage = function.linkage_name;
                let linkage = linkage.and_then(|name| std::str::from_utf8(name).ok());
                let name = match linkage.filter(|name| !name.is_empty()) {
                    Some(name) => Name::parse(name).family(),
                    None => map.path(function),
                };
                let owner = units.written_in(function, range.unit, &mut self.crates);
                let owner = owner.map_or(CrateId::UNKNOWN, |(id, _)| id);
                code.functions.push((name, owner));
            }
            code.ranges.push((range.range, known));
        }
        self.labels = labels(&self.crates, &self.code, &self.symbols, !self.image.library);
        Ok(code)
    }

    /// The full names of functions that share their code with another one.
    pub fn aliases(&self) -> Vec<String> {
        let symbols = self.code.aliases.iter();
        let own = symbols
            .filter_map(|at| self.symbols.symbols.get(*at as usize))
            .map(|symbol| Name::parse(&symbol.name).full());
        let slices = self.slices.iter();
        own.chain(slices.flat_map(|slice| slice.subject.aliases()))
            .collect()
    }

    /// The member that a section is in, where there are several.
    pub(super) fn member_of(&self, section: u32) -> Option<&str> {
        let several = self.image.parts.len() > 1;
        let section = self
            .image
            .sections
            .get(section as usize)
            .filter(|_| several)?;
        let part = self
            .image
            .parts
            .get(self.image.part_at(section.file.start)?)?;
        Some(&part.name)
    }

    /// What the loader patches; of objects and archives a linker.
    pub(super) fn relocations(&self) -> Cow<'_, [RelocationTable]> {
        if let Some(pointers) = &self.pointers {
            return pointers.tables().into();
        }
        let by = by(&self.image, &self.symbols, &self.dynamic_symbols);
        self.image.relocations(by).into()
    }

    /// What the functions refer to, calls included, where that was found with the ledger.
    pub(super) fn references(&self) -> Option<&CodeReferences> {
        self.references.as_ref()
    }

    /// The functions' full names.
    pub(super) fn names(&self) -> &FunctionNames {
        let spell = || FunctionNames::new(&self.code.functions, &self.symbols);
        self.names.get_or_init(spell)
    }

    /// The full name of one function; where few are asked for, the others are not spelt out.
    pub(super) fn name(&self, at: usize) -> Cow<'_, str> {
        if let Some(names) = self.names.get() {
            return names.get(at).into();
        }
        let mut text = String::new();
        if let Some(function) = self.code.functions.get(at) {
            names::write(function, &self.symbols, &mut text);
        }
        text.into()
    }

    /// For what is asked of one image only.
    ///
    /// # Errors
    ///
    /// A usage error where the file is a universal one.
    pub(super) fn one_image(&self) -> Result<()> {
        let Some(first) = self.slices.first() else {
            return Ok(());
        };
        let names: Vec<&str> = self
            .slices
            .iter()
            .map(|slice| slice.name.as_str())
            .collect();
        Err(Error::usage(
            format_args!(
                "the file holds an image for each of {}, and this is asked of one",
                names.join(", ")
            ),
            format_args!("choose one with `--arch {}`", first.name),
        ))
    }

    /// How a crate is shown.
    pub fn label(&self, id: CrateId) -> &CrateInfo {
        // Ids are made by `crates` only; the first entry, `[unknown]`, always exists.
        self.labels.get(id.0 as usize).unwrap_or(&self.labels[0])
    }
}

/// The symbols that relocations are for: the loader's, or a linker's.
fn by<'t, 'd>(
    image: &Image<'_>,
    symbols: &'t SymbolTable<'d>,
    dynamic_symbols: &'t SymbolTable<'d>,
) -> &'t SymbolTable<'d> {
    match image.parts.is_empty() {
        true => dynamic_symbols,
        false => symbols,
    }
}

/// Whether only the unwind tables, and so the relocations, of objects say where functions end.
fn ends_by_unwinding(image: &Image<'_>, symbols: &SymbolTable<'_>) -> bool {
    let mut symbols = symbols.symbols.iter();
    !image.parts.is_empty()
        && !symbols.any(|symbol| symbol.kind == SymbolKind::Function && symbol.size > 0)
}

/// What the functions refer to: of linked files their instructions say it, of objects the relocations. Of
/// 32-bit Windows, whose code is not decoded, those of the loader: code has no distances there, and each
/// address in it is one that the loader moves.
fn references<'s>(
    image: &'s Image<'_>,
    code: &CodeMap,
    pointers: Option<&'s Pointers>,
    depth: Depth,
) -> impl FnOnce() -> CodeReferences + Send + 's {
    let by_loader = image.format == Format::Pe && !is_decoded(image);
    let listed = pointers.filter(|_| by_loader || !image.parts.is_empty());
    let found = match listed {
        Some(pointers) => Ok(CodeReferences::of_parts(image, code, pointers)),
        None => Err(code_pieces(image, code)),
    };
    let calls = depth >= Depth::References;
    move || found.unwrap_or_else(|pieces| CodeReferences::new(image, &pieces, calls))
}

/// What a PDB says was inlined, by address.
fn of_pdb(pdb: &Pdb<'_>, image: &Image<'_>, crates: &mut Crates<'_>) -> Vec<Inlined> {
    let code = pdb.inlined(image);
    let names = code.names.iter();
    let writers: Vec<_> = names
        .map(|name| {
            let (id, sure) = crates.resolve(path_root(name)?, None);
            let evidence = if sure {
                Evidence::DebugInfo
            } else {
                Evidence::Inferred
            };
            Some((id, evidence))
        })
        .collect();
    let pieces = code.pieces.into_iter();
    pieces
        .filter_map(|(range, name)| {
            let (id, evidence) = (*writers.get(name as usize)?)?;
            Some((range, id, evidence))
        })
        .collect()
}

/// Whether a table of symbols, in a format that keeps the exported ones when it is stripped, names
/// less than a tenth of the functions.
fn is_nameless(image: &Image<'_>, symbols: &SymbolTable<'_>, code: &CodeMap) -> bool {
    let is_named = |at: u32| {
        let symbol = symbols.symbols.get(at as usize);
        symbol.is_some_and(|symbol| !symbol.name.is_empty() || !symbols.are_numbered)
    };
    let named = code
        .functions
        .iter()
        .filter(|function| function.symbol.is_some_and(is_named));
    let listed = !image.symbols_have_sizes() || symbols.are_numbered;
    listed && named.count() < code.functions.len() / 10
}

/// The functions of a [`Subject`], while the rest of it is in use.
pub(crate) struct Functions<'s, 'a> {
    pub(crate) image: &'s Image<'a>,
    pub(crate) symbols: &'s SymbolTable<'a>,
    pub(crate) code: &'s CodeMap,
    /// How each crate that has functions is shown, by its number.
    pub(crate) labels: &'s [CrateInfo],
}

/// Code that was inlined.
#[derive(Debug, Default)]
pub(crate) struct InlinedCode {
    /// The ranges, by address, without overlap, each with its function's place in the other list.
    pub(crate) ranges: Vec<(AddressRange, u32)>,
    /// The functions: what they are called without generic arguments, and the crate that wrote them.
    pub(crate) functions: Vec<(String, CrateId)>,
}

fn without_debug_info(path: &Path, who: &str) -> Error {
    Error::failed(
        format_args!(
            "`{}` has no debug information, which {who} needs",
            path.display()
        ),
        "build it with `debug = 1`, name its debug file with `--debug-file`, \
         or leave out `--file` and let cargo build it",
    )
}

/// Where code is loaded.
pub(super) fn code_ranges(image: &Image<'_>) -> Vec<AddressRange> {
    let mut ranges: Vec<_> = image
        .sections
        .iter()
        .filter(|section| section.kind == SectionKind::Code)
        .map(|section| section.addresses())
        .collect();
    ranges.sort_unstable();
    ranges
}
