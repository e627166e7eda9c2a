//! A recording of `perf record`; no file that it names is opened.
#![no_main]

use cargo_hotspots::perf_data::{Options, read_from};
use std::{io::Cursor, path::Path};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        substitutes: &[],
        timeline: true,
        search: false,
        event: None,
    };
    let size = bytes.len() as u64;
    if let Ok(profile) = read_from(Cursor::new(bytes), Path::new("fuzz"), size, None, &options) {
        let counted: u64 = profile.counts.iter().map(|count| count.samples).sum();
        assert_eq!(counted, profile.samples);
        for count in &profile.counts {
            for frame in profile.frames_of(count.stack) {
                let frame = &profile.frames[frame.0 as usize];
                assert!((frame.module.0 as usize) < profile.modules.len());
            }
        }
    }
});
