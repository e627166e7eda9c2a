//! The analysed file, opened and attributed: what all views start from.

use super::model::CrateLabel;
use crate::ledger::{Inputs, Ledger};
use codecost::{
    Result,
    attribution::{Catalogue, CodeMap, CrateId, Crates, SymbolOwners},
    image::{Image, Mapping, SymbolTable, UnwindTables},
};
use std::path::Path;

/// The files of one analysis, mapped.
#[derive(Debug)]
pub struct Files {
    /// The file that is analysed.
    pub file: Mapping,
    /// Its debug file, where it is a separate one.
    pub debug: Option<Mapping>,
    /// What is known of crates.
    pub catalogue: Catalogue,
}

impl Files {
    /// Opens `file`, and `debug` beside it.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn open(file: &Path, debug: Option<&Path>, catalogue: Catalogue) -> Result<Self> {
        let debug = debug.map(Mapping::open).transpose()?;
        Ok(Self {
            file: Mapping::open(file)?,
            debug,
            catalogue,
        })
    }

    /// Whether all files are still what they were when they were opened.
    ///
    /// # Errors
    ///
    /// One of them changed, so what was read may be a mixture.
    pub fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()?;
        self.debug.as_ref().map_or(Ok(()), Mapping::check_unchanged)
    }
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
    /// How each crate is shown, by its number.
    labels: Vec<CrateLabel>,
    /// Whether there is no symbol table, neither in the file nor beside it.
    pub stripped: bool,
}

impl<'a> Subject<'a> {
    /// Reads and attributes. Linear in symbols and unwind entries, but for sorting.
    ///
    /// # Errors
    ///
    /// The file is no object file of a known format.
    pub fn new(files: &'a Files) -> Result<Self> {
        let image = Image::parse(files.file.path(), &files.file)?;
        let mut symbols = image.symbols();
        if let Some(debug) = &files.debug {
            let debug = Image::parse(debug.path(), debug)?;
            let theirs = debug.symbols();
            if theirs.symbols.len() > symbols.symbols.len() {
                symbols = theirs;
            }
        }
        let dynamic_symbols = image.dynamic_symbols();
        let unwind = image.unwind_tables();
        let mut crates = Crates::new(&files.catalogue);
        // A stripped library still says what it exports.
        let named = if symbols.symbols.is_empty() {
            &dynamic_symbols
        } else {
            &symbols
        };
        let owners = SymbolOwners::new(named, &mut crates);
        let code = CodeMap::new(&image, named, &owners, &unwind, &[], &mut crates);
        let stripped = symbols.symbols.is_empty();
        if stripped {
            symbols = SymbolTable {
                section: None,
                strings: None,
                ..dynamic_symbols.clone()
            };
        }
        let labels = labels(&crates);
        Ok(Self {
            labels,
            image,
            symbols,
            dynamic_symbols,
            owners,
            unwind,
            code,
            crates,
            leaf: None,
            stripped,
        })
    }

    /// Accounts for every byte.
    pub fn ledger(&mut self) -> Ledger {
        let inputs = Inputs {
            image: &self.image,
            symbols: &self.symbols,
            dynamic_symbols: &self.dynamic_symbols,
            owners: &self.owners,
            unwind: &self.unwind,
            code: &self.code,
            debug: None,
            leaf: self.leaf,
        };
        let ledger = Ledger::new(&inputs, &mut self.crates);
        // Data may belong to crates that have no function.
        self.labels = labels(&self.crates);
        ledger
    }

    /// How a crate is shown.
    pub fn label(&self, id: CrateId) -> &CrateLabel {
        // Ids are made by `crates` only; the first entry, `[unknown]`, always exists.
        self.labels.get(id.0 as usize).unwrap_or(&self.labels[0])
    }
}

fn labels(crates: &Crates<'_>) -> Vec<CrateLabel> {
    let label = |id| {
        let info = crates.info(CrateId(id));
        CrateLabel {
            name: info.name.clone(),
            package: info.package.clone(),
            version: info.version.clone(),
            origin: info.origin,
        }
    };
    (0..crates.len() as u32).map(label).collect()
}
