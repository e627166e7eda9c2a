//! What the targets check: the very module that the ordinary tests use. It is included, not
//! depended on, so that a fuzzer's build has nothing in it but what is fuzzed.

#[path = "../../tests/src/replay.rs"]
pub mod replay;
