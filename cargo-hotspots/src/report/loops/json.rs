//! The JSON rows of `cargo hotspots loops`.

use super::{bounds_checks, share};
use crate::analysis::{
    asm::model::{Card, Check, Simd},
    model::Weight,
};
use codecost::report::{Nth, RowId};
use serde::Serialize;

/// One row in JSON. All figures are without inner loops, but for `inclusive`.
#[derive(Serialize)]
pub(super) struct JsonLoop<'a> {
    id: RowId<'a>,
    function: &'a str,
    #[serde(rename = "crate")]
    owner: Option<&'a str>,
    version: Option<&'a str>,
    /// In whose machine code it is.
    symbol: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    address: u64,
    #[serde(rename = "self")]
    own: f64,
    inclusive: f64,
    samples: u64,
    instructions: usize,
    blocks: usize,
    depth: u32,
    bounds_checks: usize,
    checks: Vec<JsonCheck<'a>>,
    simd: JsonSimd,
    calls: usize,
    called: Vec<JsonCalled<'a>>,
    divisions: usize,
    square_roots: usize,
    locks: usize,
    allocates: bool,
    lines: Vec<JsonLine<'a>>,
    code: Vec<JsonCode<'a>>,
    model: Option<JsonModel<'a>>,
}

#[derive(Serialize)]
struct JsonSimd {
    packed: usize,
    scalar: usize,
    width: u32,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    kind: &'static str,
    panics: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    text: Option<&'a str>,
    variable: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonCalled<'a> {
    name: &'a str,
    count: usize,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    file: &'a str,
    line: u32,
    text: Option<&'a str>,
    #[serde(rename = "self")]
    own: f64,
}

#[derive(Serialize)]
struct JsonCode<'a> {
    address: u64,
    text: &'a str,
    target: Option<&'a str>,
    #[serde(rename = "self")]
    own: f64,
}

/// What `llvm-mca` models; no measurement.
#[derive(Serialize)]
struct JsonModel<'a> {
    tool: &'static str,
    cpu: &'a str,
    cycles_per_iteration: f64,
    bottleneck: Option<&'a str>,
}

impl<'a> JsonLoop<'a> {
    pub(super) fn new(numbered: &Nth<'a, Card>, total: Weight) -> Self {
        let card = numbered.row;
        let owner = card.owner.as_ref();
        let Simd {
            packed,
            scalar,
            width,
        } = card.simd;
        Self {
            id: RowId {
                kind: "loop",
                owner: owner.map_or("", |owner| &owner.name),
                name: &card.function,
                nth: numbered.nth,
            },
            function: &card.function,
            owner: owner.map(|owner| owner.name.as_str()),
            version: owner.and_then(|owner| owner.version.as_deref()),
            symbol: &card.symbol,
            file: card.file.as_deref(),
            line: card.line,
            address: card.header.0,
            own: share(card.own.period, total),
            inclusive: share(card.inclusive.period, total),
            samples: card.own.samples,
            instructions: card.instructions,
            blocks: card.blocks,
            depth: card.depth,
            bounds_checks: bounds_checks(card),
            checks: card.checks.iter().map(JsonCheck::new).collect(),
            simd: JsonSimd {
                packed,
                scalar,
                width,
            },
            calls: card.calls.iter().map(|(_, count)| count).sum(),
            called: card
                .calls
                .iter()
                .map(|(name, count)| JsonCalled {
                    name,
                    count: *count,
                })
                .collect(),
            divisions: card.divisions,
            square_roots: card.square_roots,
            locks: card.locks,
            allocates: card.allocations > 0,
            lines: card
                .lines
                .iter()
                .map(|line| JsonLine {
                    file: &line.file,
                    line: line.line,
                    text: line.text.as_deref(),
                    own: share(line.own.period, total),
                })
                .collect(),
            code: card
                .code
                .iter()
                .map(|line| JsonCode {
                    address: line.address.0,
                    text: &line.text,
                    target: line.target.as_deref(),
                    own: share(line.own.period, total),
                })
                .collect(),
            model: card.model.as_ref().map(|model| JsonModel {
                tool: "llvm-mca",
                cpu: &model.cpu,
                cycles_per_iteration: model.cycles,
                bottleneck: model.bottleneck.as_deref(),
            }),
        }
    }
}

impl<'a> JsonCheck<'a> {
    fn new(check: &'a Check) -> Self {
        let Check {
            kind,
            panics,
            file,
            line,
            text,
            variable,
        } = check;
        Self {
            kind: kind.as_str(),
            panics,
            file: file.as_deref(),
            line: *line,
            text: text.as_deref(),
            variable: variable.as_deref(),
        }
    }
}
