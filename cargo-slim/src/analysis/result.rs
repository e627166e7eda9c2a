//! What one run of the analysis hands to `report`: the file, the rows of the view that was asked
//! for, and what the reader must know about them.

use super::model::{
    Artifact, CrateRow, DataRow, FunctionRow, GenericRow, Loads, Overview, SectionRow,
};
use codecost::report::Warning;

/// A finished analysis.
#[derive(Clone, Debug)]
pub struct Analysis<'a> {
    /// The analysed file.
    pub artifact: Artifact,
    /// What all of it adds up to.
    pub total: Total,
    /// The rows.
    pub rows: Rows<'a>,
    /// One for each cause that makes figures less than they seem.
    pub warnings: Vec<Warning>,
}

/// The whole that shares are shares of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of memory once loaded.
    pub memory: u64,
}

/// The rows of one view.
#[derive(Clone, Debug)]
pub enum Rows<'a> {
    /// The default view.
    Overview(Overview<'a>),
    /// Sections, headers, gaps.
    Sections(Vec<SectionRow>),
    /// Crates and buckets.
    Crates(Vec<CrateRow>),
    /// Functions.
    Functions(Vec<FunctionRow<'a>>),
    /// Families of generic functions.
    Generics(Vec<GenericRow>),
    /// Constants, variables, tables.
    Data(Vec<DataRow>),
    /// The loader's view.
    Loads(Loads),
}
