//! DHAT's output (`valgrind --tool=dhat`, and the `dhat` crate), version 2: points of the program
//! with what was allocated there, and the frames of each.
//!
//! Source: valgrind's `dhat/dh_view.js` and "DHAT: a dynamic heap analysis tool". All of a block's
//! growth counts for the stack that made it. Frames are texts; where the program is at hand its own
//! tables name them by the address, because valgrind's names have neither crates nor directories.

use super::build::{Builder, lowest, scope};
use crate::{
    allocations::{Allocations, Counts, PARTS, Totals},
    profile::{CallGraph, FrameId, ModuleId, Profile, StackId},
};
use codecost::{address::VirtualAddress, image::Image};
use serde_json::Value;
use std::path::Path;

/// Where valgrind loads a position-independent program.
const LOADED_AT: u64 = 0x10_8000;

pub(super) fn read(json: &Value) -> Result<Profile, String> {
    let version = json.get("dhatFileVersion").and_then(Value::as_u64);
    if version != Some(2) {
        return Err(format!(
            "it has version {version:?} of DHAT's format, and 2 is known"
        ));
    }
    let list = |key: &str| json.get(key).and_then(Value::as_array);
    let texts = list("ftbl").ok_or("it has no table of frames")?;
    let points = list("pps").ok_or("it has no program points")?;
    let command = json.get("cmd").and_then(Value::as_str).unwrap_or_default();
    let program = command.split(' ').next().unwrap_or_default();
    let mut builder = Builder::default();
    let module = builder.module(program, Path::new(program), None);
    let own = Own::new(&builder, module);
    let others = builder.module("[unknown]", Path::new(""), Some(""));
    let frames: Vec<Option<FrameId>> = texts
        .iter()
        .map(|text| frame(text.as_str()?, module, others, own.as_ref(), &mut builder))
        .collect();
    let pid = json.get("pid").and_then(Value::as_i64).unwrap_or_default();
    let pid = i32::try_from(pid).unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or(program);
    let thread = builder.thread(pid, pid, name);
    let mut stacks: Vec<(StackId, Counts)> = Vec::new();
    let mut totals = Totals {
        complete: 1,
        ended: 1,
        ..Totals::default()
    };
    for point in points {
        let number = |key: &str| point.get(key).and_then(Value::as_u64).unwrap_or_default();
        let (blocks, bytes) = (number("tbk"), number("tb"));
        let of_point = point.get("fs").and_then(Value::as_array);
        let of_point = of_point.map_or(&[][..], Vec::as_slice);
        let found = of_point.iter().filter_map(|at| {
            let at = usize::try_from(at.as_u64()?).ok()?;
            frames.get(at).copied().flatten()
        });
        let mut chain: Vec<FrameId> = found.collect();
        // An inlined function has the address of what it is inlined into.
        chain.dedup();
        let mut stack = None;
        for frame in chain.into_iter().rev() {
            stack = Some(builder.stack(stack, frame));
        }
        let Some(stack) = stack else { continue };
        builder.add(thread, stack, blocks, bytes);
        let add = |sum: &mut u64, value: u64| *sum = sum.saturating_add(value);
        add(&mut totals.allocations, blocks);
        add(&mut totals.bytes, bytes);
        add(&mut totals.peak_bytes, number("gb"));
        add(&mut totals.leaked_bytes, number("eb"));
        add(&mut totals.samples, blocks);
        // A block's growth is among its stack's blocks, by whoever did it.
        stacks.push((
            stack,
            Counts {
                samples: blocks,
                allocations: blocks.saturating_mul(PARTS),
                bytes,
                peak_bytes: number("gb"),
                leaked_bytes: number("eb"),
                made_bytes: bytes,
                made_peak_bytes: number("gb"),
                made_leaked_bytes: number("eb"),
                ..Counts::default()
            },
        ));
    }
    if let Some(unit) = other_unit(json) {
        return Ok(builder.finish(&unit, CallGraph::Given, false));
    }
    let mut profile = builder.finish("alloc-bytes", CallGraph::Given, false);
    profile.allocations = Some(Box::new(Allocations {
        totals,
        stacks,
        told_apart: false,
        threads: Vec::new(),
    }));
    Ok(profile)
}

/// What the file counts, where that is no allocation: `--mode=copy` has bytes that were copied, the
/// ad-hoc mode the program's own units.
fn other_unit(json: &Value) -> Option<String> {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let mode = text("mode").unwrap_or("heap");
    if mode.ends_with("heap") {
        return None;
    }
    let unit = text("bsu").unwrap_or("bytes");
    Some(match text("verb").unwrap_or("Allocated") {
        // dhat-rs writes the verb of its heap profiles.
        "Allocated" => unit.to_owned(),
        verb => format!("{} {unit}", verb.to_lowercase()),
    })
}

/// The program itself, when its file is at hand.
struct Own {
    code: Vec<std::ops::Range<u64>>,
    moved: u64,
}

impl Own {
    fn new(builder: &Builder, module: ModuleId) -> Option<Self> {
        let file = builder.file(module)?;
        let base = lowest(file)?;
        let image = Image::parse(file.path(), file).ok()?;
        let sections = image.sections.iter();
        let code = sections.filter(|section| section.name == ".text");
        let moved = if base.0 == 0 { LOADED_AT } else { 0 };
        let code = code.map(|section| {
            let range = section.addresses();
            range.start.0..range.end().0
        });
        Some(Self {
            code: code.collect(),
            moved,
        })
    }

    fn address(&self, runtime: u64) -> Option<VirtualAddress> {
        let address = runtime.checked_sub(self.moved)?;
        let is_code = self.code.iter().any(|range| range.contains(&address));
        is_code.then_some(VirtualAddress(address))
    }
}

/// `0x10917A: main (r.c:3)`, `0x48417B4: malloc (in /usr/…/vgpreload_dhat.so)`; `[root]` is none.
fn frame(
    text: &str,
    module: ModuleId,
    others: ModuleId,
    own: Option<&Own>,
    builder: &mut Builder,
) -> Option<FrameId> {
    let (address, rest) = text.split_once(": ")?;
    let runtime = u64::from_str_radix(address.trim_start_matches("0x"), 16).ok()?;
    // The allocator that valgrind puts in place of the program's.
    if rest.contains("vgpreload_") {
        return None;
    }
    if let Some(address) = own.and_then(|own| own.address(runtime)) {
        return Some(builder.code(module, address));
    }
    let (name, place) = match rest.rsplit_once(" (") {
        Some((name, place)) => (name, place.trim_end_matches(')')),
        None => (rest, ""),
    };
    if let Some(library) = place.strip_prefix("in ") {
        let library = builder.module(library, Path::new(""), Some(""));
        return Some(builder.named(library, vec![scope(name, None, None)]));
    }
    let (file, line) = match place.rsplit_once(':') {
        Some((file, line)) => (Some(file), line.parse().ok()),
        None => (None, None),
    };
    Some(builder.named(others, vec![scope(name, file, line)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn points_become_stacks_with_exact_counts() {
        let json = json!({
            "dhatFileVersion": 2, "cmd": "/no/such/app x", "pid": 5,
            "ftbl": ["[root]", "0x1: malloc (in /usr/libexec/valgrind/vgpreload_dhat.so)",
                     "0x2: app::make (main.rs:3)", "0x3: app::main (main.rs:9)"],
            "pps": [
                {"tb": 100, "tbk": 4, "gb": 60, "eb": 10, "fs": [1, 2, 3]},
                {"tb": 7, "tbk": 1, "gb": 0, "eb": 0, "fs": [1, 3, 99]}
            ]
        });
        let profile = read(&json).unwrap();
        assert_eq!((profile.samples, profile.period), (5, 107));
        let allocations = profile.allocations.as_ref().unwrap();
        assert_eq!(allocations.totals.peak_bytes, 60);
        assert_eq!(allocations.stacks.len(), 2);
        let frames = profile.frames_of(allocations.stacks[0].0).count();
        assert_eq!(frames, 2, "the allocator itself is no frame");
        assert!(read(&json!({"dhatFileVersion": 1})).is_err());
        assert!(read(&json!({"dhatFileVersion": 2})).is_err());
    }
}
