use super::*;

/// A benchmark that hangs takes an eighth of the budget, and what is left bounds all else.
#[test]
fn a_budget_bounds_what_is_waited_for() {
    let seconds = Duration::from_secs;
    let none = Deadline::new(None);
    assert_eq!(none.first(FIRST_PATIENCE), FIRST_PATIENCE);
    assert_eq!(none.known(seconds(20), seconds(1)), seconds(20));
    assert!(!none.is_over());
    let some = Deadline::new(Some(seconds(4000)));
    assert_eq!(some.first(FIRST_PATIENCE), FIRST_PATIENCE);
    let short = Deadline::new(Some(seconds(40)));
    assert_eq!(short.first(FIRST_PATIENCE), seconds(5));
    assert!(short.known(seconds(120), seconds(1)) <= seconds(40));
    let over = Deadline::new(Some(Duration::ZERO));
    assert!(over.is_over());
    assert_eq!(over.first(FIRST_PATIENCE), seconds(1));
    assert_eq!(over.known(seconds(120), seconds(2)), seconds(8));
}
