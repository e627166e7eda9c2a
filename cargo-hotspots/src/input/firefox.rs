//! The Firefox Profiler's processed format, as samply saves it, on whatever system.
//!
//! Source: the profiler's `docs-developer/CHANGELOG-formats.md` and `src/types/profile.js`. Tables
//! are columns; a stack is a frame and a `prefix`, its caller. Since version 55 the tables of all
//! threads may be in `shared`. Addresses are relative to their library, and those of callers are
//! already those of the call. An unsymbolicated function's name is its address in hexadecimal.

use super::build::{Builder, scope};
use crate::profile::{
    CallGraph, FrameId, LeftOut, ModuleId, NamedScope, Profile, StackId, ThreadId, TimedSample,
};
use serde_json::Value;
use std::path::Path;

/// Nested inlined functions of one place.
const MOST_INLINED: usize = 256;

pub(super) fn read(json: &Value, timeline: bool) -> Result<Profile, String> {
    let mut builder = Builder::default();
    let libraries = list(json, "libs");
    let modules: Vec<ModuleId> = libraries
        .iter()
        .map(|library| {
            let name = text(library, "path").or_else(|| text(library, "name"));
            let path = text(library, "debugPath").or(name).unwrap_or_default();
            let build_id = text(library, "codeId").filter(|id| !id.is_empty());
            builder.module(name.unwrap_or("[unknown]"), Path::new(path), build_id)
        })
        .collect();
    let unknown = builder.module("[unknown]", Path::new(""), Some(""));
    let interval = json
        .pointer("/meta/interval")
        .and_then(Value::as_f64)
        .filter(|interval| interval.is_finite() && *interval > 0.0)
        .unwrap_or(1.0);
    let period = (interval * 1e6) as u64;
    let categories = list_at(json, "/meta/categories");
    let shared = json.get("shared").filter(|shared| shared.is_object());
    let threads = list(json, "threads");
    if threads.is_empty() {
        return Err("it has no threads".into());
    }
    let weights = Weights::of(threads, period);
    let mut waiting = LeftOut::of(LeftOut::WAITING);
    for thread in threads {
        let tables = match (shared, thread.get("stackTable")) {
            (Some(shared), None) => shared,
            _ => thread,
        };
        let tables = Tables {
            tables,
            strings: strings(thread).or_else(|| strings(tables)).unwrap_or(&[]),
            modules: &modules,
            categories,
            unknown,
        };
        let name = text(thread, "name").unwrap_or("thread");
        let id = builder.thread(number(thread, "pid"), number(thread, "tid"), name);
        let stacks = tables.stacks(&mut builder)?;
        if weights.counts(thread) {
            weights.add(thread, (id, &stacks), &mut waiting, &mut builder);
        }
    }
    let event = if weights.bytes { "bytes" } else { "samples" };
    let mut profile = builder.finish(event, CallGraph::Given, timeline);
    profile
        .left_out
        .extend(Some(waiting).filter(|left| left.samples > 0));
    Ok(profile)
}

/// What the samples of a file weigh.
struct Weights {
    /// Nanoseconds between two samples.
    period: u64,
    /// Whether nothing but bytes is counted.
    bytes: bool,
    /// Whether the file says which samples took processor time.
    told: bool,
}

/// The tables that a thread's samples refer to.
struct Tables<'j> {
    tables: &'j Value,
    strings: &'j [Value],
    modules: &'j [ModuleId],
    categories: &'j [Value],
    unknown: ModuleId,
}

impl Weights {
    fn of(threads: &[Value], period: u64) -> Self {
        let deltas = threads.iter().flat_map(|thread| {
            let samples = thread.get("samples").unwrap_or(&Value::Null);
            list(samples, "threadCPUDelta")
        });
        Self {
            period,
            bytes: threads.iter().all(|thread| kind(thread) == "bytes"),
            // Other events than clocks are written with a zero for each sample.
            told: { deltas }.any(|delta| delta.as_f64().is_some_and(|delta| delta > 0.0)),
        }
    }

    /// Whether a thread's samples are of what is counted: bytes and time do not add up.
    fn counts(&self, thread: &Value) -> bool {
        self.bytes == (kind(thread) == "bytes")
    }

    /// The samples of a thread, each with its stack.
    fn add(
        &self,
        thread: &Value,
        (id, stacks): (ThreadId, &[Option<StackId>]),
        waiting: &mut LeftOut,
        builder: &mut Builder,
    ) {
        let samples = thread.get("samples").unwrap_or(&Value::Null);
        let column = |name: &str| samples.get(name).and_then(Value::as_array);
        let (weights, times) = (column("weight"), column("time"));
        let (deltas, used) = (column("timeDeltas"), column("threadCPUDelta"));
        let of_one = match kind(thread) {
            "bytes" => 1.0,
            "tracing-ms" => 1e6,
            _ => self.period as f64,
        };
        let mut now = 0.0;
        for (nth, stack) in list(samples, "stack").iter().enumerate() {
            let at = |list: Option<&Vec<Value>>| list.and_then(|list| list.get(nth)?.as_f64());
            now = at(times).unwrap_or(now + at(deltas).unwrap_or(0.0));
            let stack = stack.as_u64().and_then(|stack| usize::try_from(stack).ok());
            // A sample without a stack was not on a processor.
            let Some(stack) = stack.and_then(|stack| stacks.get(stack).copied().flatten()) else {
                continue;
            };
            let weight = at(weights).unwrap_or(1.0);
            if !(weight.is_finite() && weight > 0.0) {
                continue;
            }
            let period = (of_one * weight) as u64;
            let count = match kind(thread) {
                "samples" => weight.ceil() as u64,
                _ => 1,
            };
            // samply has one sample for each wait, which weighs as much as it took.
            if self.told && at(used) == Some(0.0) {
                waiting.samples = waiting.samples.saturating_add(count);
                waiting.period = waiting.period.saturating_add(period);
                continue;
            }
            builder.add(id, stack, count, period);
            builder.sample(TimedSample {
                time_ns: (now.max(0.0) * 1e6) as u64,
                thread: id,
                stack,
                period,
            });
        }
    }
}

/// What a thread's samples count: `samples`, `tracing-ms` or `bytes`.
fn kind(thread: &Value) -> &str {
    let kind = thread
        .pointer("/samples/weightType")
        .and_then(Value::as_str);
    kind.filter(|kind| matches!(*kind, "tracing-ms" | "bytes"))
        .unwrap_or("samples")
}

impl Tables<'_> {
    fn column(&self, table: &str, column: &str) -> &[Value] {
        self.tables
            .get(table)
            .map_or(&[], |table| list(table, column))
    }

    fn index(&self, table: &str, column: &str, row: usize) -> Option<usize> {
        let value = self.column(table, column).get(row)?.as_i64()?;
        usize::try_from(value).ok()
    }

    fn string(&self, at: Option<usize>) -> Option<&str> {
        self.strings.get(at?)?.as_str()
    }

    /// All stacks; a prefix comes before what it is a prefix of.
    fn stacks(&self, builder: &mut Builder) -> Result<Vec<Option<StackId>>, String> {
        let frames = self.column("stackTable", "frame");
        let mut stacks: Vec<Option<StackId>> = Vec::with_capacity(frames.len());
        // Of an inlined function the place is that of the function around it, further out.
        let mut skipped: Vec<Option<(Option<StackId>, Vec<NamedScope>)>> = Vec::new();
        for row in 0..frames.len() {
            let frame = self.index("stackTable", "frame", row);
            let frame = frame.ok_or("a stack has no frame")?;
            let prefix = self.index("stackTable", "prefix", row);
            if prefix.is_some_and(|prefix| prefix >= row) {
                return Err("a stack comes before its caller".into());
            }
            let depth = self.index("frameTable", "inlineDepth", frame).unwrap_or(0);
            let outer = prefix.and_then(|prefix| skipped.get(prefix).cloned().flatten());
            let (caller, mut scopes) = match (depth, outer) {
                (1.., Some(outer)) => outer,
                _ => (
                    prefix.and_then(|prefix| stacks.get(prefix).copied().flatten()),
                    Vec::new(),
                ),
            };
            if scopes.len() >= MOST_INLINED {
                return Err("functions are inlined too deeply".into());
            }
            scopes.insert(0, self.scope(frame));
            let id = self.place(frame, scopes.clone(), builder);
            stacks.push(Some(builder.stack(caller, id)));
            skipped.push(Some((caller, scopes)));
        }
        Ok(stacks)
    }

    fn scope(&self, frame: usize) -> NamedScope {
        let function = self.index("frameTable", "func", frame);
        let of = |column: &str| function.and_then(|row| self.index("funcTable", column, row));
        let line = self
            .index("frameTable", "line", frame)
            .or_else(|| of("lineNumber"));
        let file = self.string(of("fileName")).or_else(|| {
            let source = of("source")?;
            self.string(self.index("sources", "filename", source))
        });
        scope(
            self.string(of("name")).unwrap_or_default(),
            file,
            line.and_then(|line| u32::try_from(line).ok()),
        )
    }

    /// By its address where the library is at hand, else by the names that the file has.
    fn place(&self, frame: usize, scopes: Vec<NamedScope>, builder: &mut Builder) -> FrameId {
        let function = self.index("frameTable", "func", frame);
        let resource = function.and_then(|row| self.index("funcTable", "resource", row));
        let library = resource.and_then(|row| self.index("resourceTable", "lib", row));
        let module = library.and_then(|library| self.modules.get(library).copied());
        let address = self.index("frameTable", "address", frame);
        match (module, address) {
            (Some(module), Some(address)) if builder.has_file(module) => {
                let base = builder.file(module).and_then(super::build::lowest);
                let address = base.and_then(|base| base.checked_add(address as u64));
                match address {
                    Some(address) => builder.code(module, address),
                    None => builder.named(module, scopes),
                }
            }
            (module, _) => {
                let module = match self.bucket(frame) {
                    Some(bucket) => builder.module(bucket, Path::new(""), Some("")),
                    None => module.unwrap_or(self.unknown),
                };
                builder.named(module, scopes)
            }
        }
    }

    /// The bucket that a frame's categories say: our own exports name it, others the kernel only.
    fn bucket(&self, frame: usize) -> Option<&str> {
        let category = self.index("frameTable", "category", frame);
        let category = self.categories.get(category?)?;
        let sub = self.index("frameTable", "subcategory", frame).unwrap_or(0);
        let own = list(category, "subcategories")
            .get(sub)
            .and_then(Value::as_str);
        match (own, text(category, "name")?) {
            (Some(own), _) if own.starts_with('[') => Some(own),
            (_, name) if name.eq_ignore_ascii_case("kernel") => Some("[kernel]"),
            _ => None,
        }
    }
}

fn list_at<'j>(json: &'j Value, pointer: &str) -> &'j [Value] {
    let list = json.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn list<'j>(json: &'j Value, key: &str) -> &'j [Value] {
    let list = json.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn strings(json: &Value) -> Option<&[Value]> {
    let table = json
        .get("stringArray")
        .or_else(|| json.get("stringTable"))?;
    table.as_array().map(Vec::as_slice)
}

fn text<'j>(json: &'j Value, key: &str) -> Option<&'j str> {
    json.get(key)?.as_str()
}

/// A process's or thread's number, which newer versions write as text.
fn number(json: &Value, key: &str) -> i32 {
    let value = json.get(key);
    let number = value.and_then(Value::as_i64).or_else(|| {
        let text = value?.as_str()?;
        text.split('.').next()?.parse().ok()
    });
    number
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn profile() -> Value {
        json!({
            "meta": {"interval": 2.0},
            "libs": [{"name": "app", "path": "/no/such/app", "codeId": "ab"}],
            "threads": [{
                "name": "main", "pid": "7", "tid": 8,
                "samples": {"stack": [2, 2, null, 0], "time": [0.0, 2.0, 4.0, 6.0], "weight": null},
                "stackTable": {"frame": [0, 1, 2], "prefix": [null, 0, 1]},
                "frameTable": {
                    "address": [16, 32, 32], "inlineDepth": [0, 0, 1], "func": [0, 1, 2],
                    "line": [1, 2, 3]
                },
                "funcTable": {
                    "name": [0, 1, 2], "resource": [0, 0, 0], "fileName": [3, 3, null],
                    "lineNumber": [null, null, null]
                },
                "resourceTable": {"lib": [0]},
                "stringArray": ["app::main", "app::run", "core::fmt::write", "src/main.rs"]
            }]
        })
    }

    #[test]
    fn inlined_functions_share_a_place() {
        let profile = read(&profile(), true).unwrap();
        assert_eq!((profile.samples, profile.period), (3, 6_000_000));
        let deepest = profile
            .counts
            .iter()
            .max_by_key(|count| count.samples)
            .unwrap();
        let frames: Vec<_> = profile.frames_of(deepest.stack).collect();
        assert_eq!(
            frames.len(),
            2,
            "the inlined function is no frame of its own"
        );
        let scopes: Vec<_> = profile.named[&frames[0]]
            .iter()
            .map(|it| &*it.function)
            .collect();
        assert_eq!(scopes, ["core::fmt::write", "app::run"]);
        assert_eq!(
            profile.named[&frames[1]][0].file.as_deref(),
            Some("src/main.rs")
        );
        assert_eq!(profile.threads[0].pid, 7);
    }

    #[test]
    fn a_stack_that_is_its_own_caller_is_refused() {
        let mut json = profile();
        json["threads"][0]["stackTable"]["prefix"] = json!([1, 0, 1]);
        assert!(read(&json, false).is_err());
        assert!(read(&json!({"meta": {}, "threads": []}), false).is_err());
    }
}
