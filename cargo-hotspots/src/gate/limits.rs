//! The constants of the verdict, which the table in [`super::verdict`] explains.

/// No change below this is ever called one: the luck of code layout is as large.
pub const FLOOR: f64 = 0.02;
/// How far the interval may end below a threshold and still count as reaching it.
pub const SLACK: f64 = 0.005;
/// The probability of one or more false alarms of a kind in a run, at most.
pub const FAMILY_ERROR: f64 = 0.05;
/// The same at each of the two looks.
pub const LOOK_LEVEL: f64 = FAMILY_ERROR / 2.0;
