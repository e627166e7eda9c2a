//! `artifact.depth`, as snapshots keep it and as reports show it.

use crate::analysis::model::ReadDepth;
use serde::{Deserialize, Serialize};

/// What was read of a file.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct JsonDepth {
    functions: bool,
    data: bool,
    unwind: bool,
    relocations: bool,
    units: bool,
    debug: bool,
}

impl From<ReadDepth> for JsonDepth {
    fn from(depth: ReadDepth) -> Self {
        let ReadDepth {
            functions,
            data,
            unwind,
            relocations,
            units,
            debug,
        } = depth;
        Self {
            functions,
            data,
            unwind,
            relocations,
            units,
            debug,
        }
    }
}

impl From<JsonDepth> for ReadDepth {
    fn from(depth: JsonDepth) -> Self {
        let JsonDepth {
            functions,
            data,
            unwind,
            relocations,
            units,
            debug,
        } = depth;
        Self {
            functions,
            data,
            unwind,
            relocations,
            units,
            debug,
        }
    }
}
