//! pprof's `profile.proto`, compressed with gzip, as `go tool pprof` reads it.
//!
//! Source: the field numbers and meanings of `proto/profile.proto` in google/pprof. A location is
//! a distinct address with a line for each function of its inline chain, innermost first.

use super::symbolized::{Symbolized, is_clock};
use crate::profile::{FrameId, ModuleId, ModuleKind, Place, Profile, WAITING};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use std::{
    collections::HashMap,
    io::{self, Write},
};

mod message {
    //! The messages of `profile.proto` that are written.

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub(super) sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub(super) sample: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub(super) mapping: Vec<Mapping>,
        #[prost(message, repeated, tag = "4")]
        pub(super) location: Vec<Location>,
        #[prost(message, repeated, tag = "5")]
        pub(super) function: Vec<Function>,
        #[prost(string, repeated, tag = "6")]
        pub(super) string_table: Vec<String>,
        #[prost(int64, tag = "10")]
        pub(super) duration_nanos: i64,
        #[prost(message, optional, tag = "11")]
        pub(super) period_type: Option<ValueType>,
        #[prost(int64, tag = "12")]
        pub(super) period: i64,
        #[prost(int64, tag = "14")]
        pub(super) default_sample_type: i64,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub(super) struct ValueType {
        #[prost(int64, tag = "1")]
        pub(super) r#type: i64,
        #[prost(int64, tag = "2")]
        pub(super) unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(super) location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub(super) value: Vec<i64>,
        #[prost(message, repeated, tag = "3")]
        pub(super) label: Vec<Label>,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub(super) struct Label {
        #[prost(int64, tag = "1")]
        pub(super) key: i64,
        #[prost(int64, tag = "2")]
        pub(super) str: i64,
        #[prost(int64, tag = "3")]
        pub(super) num: i64,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub(super) struct Mapping {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(int64, tag = "5")]
        pub(super) filename: i64,
        #[prost(int64, tag = "6")]
        pub(super) build_id: i64,
        #[prost(bool, tag = "7")]
        pub(super) has_functions: bool,
        #[prost(bool, tag = "8")]
        pub(super) has_filenames: bool,
        #[prost(bool, tag = "9")]
        pub(super) has_line_numbers: bool,
        #[prost(bool, tag = "10")]
        pub(super) has_inline_frames: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Location {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(uint64, tag = "2")]
        pub(super) mapping_id: u64,
        #[prost(uint64, tag = "3")]
        pub(super) address: u64,
        #[prost(message, repeated, tag = "4")]
        pub(super) line: Vec<Line>,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub(super) struct Line {
        #[prost(uint64, tag = "1")]
        pub(super) function_id: u64,
        #[prost(int64, tag = "2")]
        pub(super) line: i64,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub(super) struct Function {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(int64, tag = "2")]
        pub(super) name: i64,
        #[prost(int64, tag = "3")]
        pub(super) system_name: i64,
        #[prost(int64, tag = "4")]
        pub(super) filename: i64,
        #[prost(int64, tag = "5")]
        pub(super) start_line: i64,
    }
}

/// Writes the compressed protocol buffer.
///
/// # Errors
///
/// What the writer says.
pub fn pprof(symbolized: Symbolized<'_>, to: &mut dyn Write) -> io::Result<()> {
    let bytes = build(symbolized).encode_to_vec();
    let mut packed = GzEncoder::new(to, Compression::default());
    packed.write_all(&bytes)?;
    packed.finish()?.flush()
}

/// The string table: each text once, the first one empty.
struct Strings {
    all: Vec<String>,
    known: HashMap<String, i64>,
}

impl Strings {
    fn of(&mut self, text: &str) -> i64 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let number = self.all.len() as i64;
        self.all.push(text.to_owned());
        self.known.insert(text.to_owned(), number);
        number
    }
}

fn build(symbolized: Symbolized<'_>) -> message::Profile {
    let mut strings = Strings {
        all: vec![String::new()],
        known: HashMap::from([(String::new(), 0)]),
    };
    let recording = symbolized.profile;
    let clock = is_clock(&recording.event);
    let (value, unit) = match clock {
        true if recording.event == WAITING => (WAITING, "nanoseconds"),
        true => ("cpu", "nanoseconds"),
        false => (recording.event.as_str(), "count"),
    };
    let samples_type = message::ValueType {
        r#type: strings.of("samples"),
        unit: strings.of("count"),
    };
    let value_type = message::ValueType {
        r#type: strings.of(value),
        unit: strings.of(unit),
    };
    message::Profile {
        sample_type: vec![samples_type, value_type],
        sample: samples(recording, &mut strings),
        location: locations(symbolized),
        function: functions(symbolized, &mut strings),
        mapping: mappings(symbolized, &mut strings),
        duration_nanos: signed(recording.duration_ns),
        period_type: Some(value_type),
        period: signed(recording.period / recording.samples.max(1)),
        default_sample_type: value_type.r#type,
        string_table: strings.all,
    }
}

fn samples(recording: &Profile, strings: &mut Strings) -> Vec<message::Sample> {
    let thread_key = strings.of("thread");
    let thread_number = strings.of("thread_id");
    let samples = recording.counts.iter().map(|count| {
        let thread = recording.threads.get(count.thread.0 as usize);
        let name = thread.map(|thread| message::Label {
            key: thread_key,
            str: strings.of(&thread.name),
            num: 0,
        });
        let number = thread.map(|thread| message::Label {
            key: thread_number,
            str: 0,
            num: i64::from(thread.tid),
        });
        let frames = recording.frames_of(count.stack);
        message::Sample {
            location_id: frames.map(|frame| u64::from(frame.0) + 1).collect(),
            value: vec![signed(count.samples), signed(count.period)],
            label: name.into_iter().chain(number).collect(),
        }
    });
    samples.collect()
}

/// One for each frame; its inlined functions are its lines.
fn locations(symbolized: Symbolized<'_>) -> Vec<message::Location> {
    let recording = symbolized.profile;
    let locations = recording.frames.iter().enumerate().map(|(at, frame)| {
        let scopes = symbolized.symbols.scopes_of(FrameId(at as u32)).iter();
        let line = scopes.map(|scope| message::Line {
            function_id: u64::from(scope.function.0) + 1,
            line: i64::from(scope.line.unwrap_or_default()),
        });
        message::Location {
            id: at as u64 + 1,
            mapping_id: module_number(frame.module),
            address: match frame.place {
                Place::Code(address) => address.0,
                Place::Offset(offset) => offset.0,
                Place::Memory(address) => address.0,
            },
            line: line.collect(),
        }
    });
    locations.collect()
}

fn functions(symbolized: Symbolized<'_>, strings: &mut Strings) -> Vec<message::Function> {
    let functions = symbolized.symbols.functions.iter().enumerate();
    let functions = functions.map(|(at, function)| {
        let file = function
            .file
            .and_then(|file| symbolized.symbols.files.get(file.0 as usize));
        message::Function {
            id: at as u64 + 1,
            name: strings.of(&function.name),
            system_name: 0,
            filename: strings.of(file.map_or("", String::as_str)),
            start_line: i64::from(function.line.unwrap_or_default()),
        }
    });
    functions.collect()
}

fn mappings(symbolized: Symbolized<'_>, strings: &mut Strings) -> Vec<message::Mapping> {
    let recording = symbolized.profile;
    let mappings = recording.modules.iter().enumerate().map(|(at, module)| {
        let build_id = module.build_id.as_deref().unwrap_or_default();
        let hex: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
        message::Mapping {
            id: module_number(ModuleId(at as u32)),
            filename: strings.of(&module.name),
            build_id: strings.of(&hex),
            // There is nothing that pprof could still look up.
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
        }
    });
    let mut mappings: Vec<message::Mapping> = mappings.collect();
    // The first one is the program, by pprof's convention.
    if let Some(program) = program(symbolized) {
        mappings.swap(0, program);
    }
    mappings
}

/// The position of the mapped file that most of the time passed in.
fn program(symbolized: Symbolized<'_>) -> Option<usize> {
    let recording = symbolized.profile;
    let mut periods = vec![0_u64; recording.modules.len()];
    for count in &recording.counts {
        for frame in recording.frames_of(count.stack) {
            let module = recording.frames.get(frame.0 as usize)?.module.0 as usize;
            if recording.modules.get(module)?.kind == ModuleKind::File {
                let period = periods.get_mut(module)?;
                *period = period.saturating_add(count.period);
                break;
            }
        }
    }
    let most = periods.iter().copied().max().filter(|most| *most > 0)?;
    periods.iter().position(|period| *period == most)
}

/// Zero means none.
fn module_number(module: ModuleId) -> u64 {
    u64::from(module.0) + 1
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fixture::{profile, symbols};
    use std::io::Read;

    #[test]
    fn what_is_written_reads_back_with_lines_for_inlined_functions() {
        let (profile, symbols) = (profile(), symbols());
        let symbolized = Symbolized {
            profile: &profile,
            symbols: &symbols,
        };
        let mut packed = Vec::new();
        pprof(symbolized, &mut packed).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        let read = message::Profile::decode(bytes.as_slice()).unwrap();
        let text = |at: i64| read.string_table[at as usize].as_str();
        assert_eq!(read.string_table[0], "");
        assert_eq!(text(read.sample_type[1].r#type), "cpu");
        assert_eq!(read.sample[0].value, [3, 3_000_000]);
        // Leaf first, and in a location the innermost function first.
        let leaf = &read.location[read.sample[0].location_id[0] as usize - 1];
        let names: Vec<&str> = leaf
            .line
            .iter()
            .map(|line| text(read.function[line.function_id as usize - 1].name))
            .collect();
        assert_eq!(names, ["core::num::rotate", "alpha::burn::<[u8; 4]>"]);
        assert_eq!(read.sample[0].location_id.len(), 2);
    }
}
