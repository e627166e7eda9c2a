//! Names short enough to read in a table.

use crate::analysis::model::CrateInfo;
use codecost::report;
use std::borrow::Cow;

/// `name` without what the crate column says already; see [`report::short_name`].
pub(super) fn short<'a>(name: &'a str, label: &CrateInfo) -> Cow<'a, str> {
    report::short_name(name, label.as_name())
}

/// Names that more than one crate of a report has, so that only these need their version.
#[derive(Debug, Default)]
pub(super) struct Ambiguous<'a>(report::Ambiguous<'a>);

impl<'a> Ambiguous<'a> {
    pub(super) fn among(labels: impl Iterator<Item = &'a CrateInfo>) -> Self {
        Self(report::Ambiguous::among(labels.map(CrateInfo::as_name)))
    }

    /// `regex`, or where there are several `regex 1.12.2`, `memchr 2.7.6 (std)`.
    pub(super) fn name<'l>(&self, label: &'l CrateInfo) -> Cow<'l, str> {
        self.0.name(label.as_name())
    }
}
