//! Helpers of the integration tests in `tests/`.
