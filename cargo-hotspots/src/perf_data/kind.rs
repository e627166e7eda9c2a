//! Types of records, from `perf_event.h` (below 64) and `perf`'s own `event.h`.

use super::bytes::Cursor;

pub(super) const EXIT: u32 = 4;
pub(super) const SAMPLE: u32 = 9;
pub(super) const MMAP2: u32 = 10;
pub(super) const LOST_SAMPLES: u32 = 13;
pub(super) const SWITCH: u32 = 14;
/// From here on they are perf's own and have no time.
pub(super) const FIRST_OF_PERF: u32 = 64;
pub(super) const HEADER_ATTR: u32 = 64;
const TRACING_DATA: u32 = 66;
pub(super) const HEADER_BUILD_ID: u32 = 67;
pub(super) const FINISHED_ROUND: u32 = 68;
const AUXTRACE: u32 = 71;
/// What `perf stat record` writes.
pub(super) const STAT: u32 = 76;
pub(super) const EVENT_UPDATE: u32 = 78;
pub(super) const HEADER_FEATURE: u32 = 80;
pub(super) const COMPRESSED: u32 = 81;
pub(super) const COMPRESSED2: u32 = 83;

/// Those that describe a recording that was made for a pipe.
pub(super) const DESCRIBING: [u32; 4] =
    [HEADER_ATTR, HEADER_BUILD_ID, EVENT_UPDATE, HEADER_FEATURE];

/// How many bytes at the start of the body say how much raw data follows the record.
pub(super) fn size_word(record: u32) -> Option<u64> {
    match record {
        TRACING_DATA => Some(4),
        AUXTRACE => Some(8),
        _ => None,
    }
}

/// How much raw data follows a record with this body.
pub(super) fn bytes_behind(record: u32, body: &[u8]) -> u64 {
    let mut cursor = Cursor::new(body);
    match record {
        TRACING_DATA => u64::from(cursor.u32().unwrap_or_default()).next_multiple_of(8),
        AUXTRACE => cursor.u64().unwrap_or_default(),
        _ => 0,
    }
}
