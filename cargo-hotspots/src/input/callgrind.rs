//! callgrind's output: how many instructions each line of each function took, and how many each call
//! from a line to a function took in all.
//!
//! Source: "Callgrind Format Specification" of valgrind's manual. Costs are exact; there are no
//! stacks, but edges from callers to callees. They are turned into stacks by sharing out: when `f`
//! took 10 instructions for its caller `a` and 30 for `b`, a quarter of whatever `f` does and calls
//! counts for `a`. gprof does the same, and it is wrong where `f` does different things for each:
//! figures that rest on callers are estimates, and are labelled as such.
//!
//! A function that is called while it runs is written as another one, `f'2`. Both are told apart
//! while costs are shared out, so that what the outermost `f` took stays exact, and are one in the end.

mod share;

use super::build::{Builder, scope};
use crate::perf_data::no_event;
use crate::profile::{CallGraph, FrameId, ModuleId, NamedScope, Profile, StackId, ThreadId};
use share::Shares;
use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
    path::Path,
};

/// Longer lines are of no callgrind.
const MOST_LINE: usize = 1 << 20;

/// A function of a file of an object, by its numbers.
type Key = (u32, u32);

#[derive(Debug, Default)]
struct Function {
    /// By file and line.
    own: BTreeMap<(u32, u32), u64>,
    own_sum: u64,
    calls: BTreeMap<usize, u64>,
    file: u32,
}

#[derive(Debug, Default)]
struct Graph {
    names: Names,
    functions: Vec<Function>,
    by_key: HashMap<Key, usize>,
    keys: Vec<Key>,
    /// What is counted, how much of each in all, and which of them is read.
    events: Vec<String>,
    sums: Vec<u64>,
    chosen: usize,
    command: String,
    pid: i32,
}

/// Names, which are written once with a number and then by the number.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<String>,
    by_text: HashMap<String, u32>,
    numbered: HashMap<(u8, u64), u32>,
}

impl Names {
    /// `(12) name`, `(12)`, or a bare name; `kind` tells objects, files and functions apart.
    fn of(&mut self, kind: u8, text: &str) -> u32 {
        let text = text.trim();
        let numbered = text.strip_prefix('(').and_then(|rest| {
            let (number, name) = rest.split_once(')')?;
            Some((number.parse::<u64>().ok()?, name.trim()))
        });
        match numbered {
            Some((number, "")) => {
                let known = self.numbered.get(&(kind, number)).copied();
                known.unwrap_or_else(|| self.intern("???"))
            }
            Some((number, name)) => {
                let id = self.intern(name);
                self.numbered.insert((kind, number), id);
                id
            }
            None => self.intern(text),
        }
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.by_text.get(text) {
            return *id;
        }
        let id = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), id);
        id
    }

    fn text(&self, id: u32) -> &str {
        self.texts.get(id as usize).map_or("", String::as_str)
    }
}

const OBJECT: u8 = 0;
const FILE: u8 = 1;
const FUNCTION: u8 = 2;

/// Reads the costs of an event, else of the file's first.
pub(super) fn read(
    reader: &mut dyn BufRead,
    event: Option<&str>,
) -> Result<codecost::Result<Profile>, String> {
    let graph = parse(reader, event)?;
    if let Some(event) = event
        && !graph.events.iter().any(|known| known == event)
    {
        return Ok(Err(no_event(event, &graph.events)));
    }
    if graph.functions.iter().all(|function| function.own_sum == 0) {
        return Err("it has no costs".into());
    }
    Ok(Ok(graph.profile()))
}

/// Where the lines are while the file is read.
#[derive(Default)]
struct At {
    object: u32,
    file: u32,
    /// The file of the costs, which inlined functions change.
    of_costs: u32,
    function: Option<usize>,
    called_object: Option<u32>,
    called_file: Option<u32>,
    called: Option<usize>,
    /// The next line is what a call took.
    is_call: bool,
    positions: usize,
    /// The last positions, which others may be relative to.
    last: Vec<u64>,
    line_at: usize,
}

fn parse(reader: &mut dyn BufRead, event: Option<&str>) -> Result<Graph, String> {
    let mut graph = Graph::default();
    let mut at = At {
        positions: 1,
        last: vec![0],
        ..At::default()
    };
    let unknown = graph.names.intern("???");
    (at.object, at.file, at.of_costs) = (unknown, unknown, unknown);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read =
            std::io::Read::take(&mut *reader, MOST_LINE as u64).read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(graph);
        }
        if read == MOST_LINE {
            return Err("a line is too long".into());
        }
        let text = String::from_utf8_lossy(&bytes);
        graph.take(text.trim(), event, &mut at);
    }
}

impl Graph {
    fn function(&mut self, key: Key, file: u32) -> usize {
        if let Some(known) = self.by_key.get(&key) {
            return *known;
        }
        let id = self.functions.len();
        self.functions.push(Function {
            file,
            ..Function::default()
        });
        self.keys.push(key);
        self.by_key.insert(key, id);
        id
    }

    fn take(&mut self, line: &str, event: Option<&str>, at: &mut At) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let first = line.as_bytes().first()?;
        if first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'*') {
            return self.costs(line, at);
        }
        if let Some((key, value)) = line.split_once('=') {
            match key {
                "ob" => at.object = self.names.of(OBJECT, value),
                "fl" => {
                    at.file = self.names.of(FILE, value);
                    at.of_costs = at.file;
                }
                "fi" | "fe" => at.of_costs = self.names.of(FILE, value),
                "fn" => {
                    let name = self.names.of(FUNCTION, value);
                    at.function = Some(self.function((at.object, name), at.file));
                    at.of_costs = at.file;
                }
                "cob" => at.called_object = Some(self.names.of(OBJECT, value)),
                "cfi" | "cfl" => at.called_file = Some(self.names.of(FILE, value)),
                "cfn" => {
                    let name = self.names.of(FUNCTION, value);
                    let object = at.called_object.take().unwrap_or(at.object);
                    let file = at.called_file.take().unwrap_or(at.of_costs);
                    at.called = Some(self.function((object, name), file));
                }
                "calls" => at.is_call = true,
                _ => {}
            }
            return Some(());
        }
        let (key, value) = line.split_once(':')?;
        match key {
            "positions" => {
                let names: Vec<&str> = value.split_whitespace().collect();
                at.positions = names.len().clamp(1, 4);
                at.last = vec![0; at.positions];
                at.line_at = names.iter().position(|name| *name == "line").unwrap_or(0);
            }
            "events" => {
                self.events = value.split_whitespace().map(str::to_owned).collect();
                self.sums = vec![0; self.events.len()];
                let wanted = |known: &String| event.is_some_and(|event| event == known);
                self.chosen = self.events.iter().position(wanted).unwrap_or_default();
            }
            "cmd" => self.command = value.trim().to_owned(),
            "pid" => self.pid = value.trim().parse().unwrap_or_default(),
            _ => {}
        }
        Some(())
    }

    /// Positions, then a cost of each event; trailing ones may be left out.
    fn costs(&mut self, line: &str, at: &mut At) -> Option<()> {
        let mut words = line.split_whitespace();
        for position in &mut at.last {
            let word = words.next()?;
            *position = match (word.strip_prefix('+'), word.strip_prefix('-')) {
                (Some(more), _) => position.wrapping_add(number(more)?),
                (_, Some(less)) => position.wrapping_sub(number(less)?),
                _ if word == "*" => *position,
                _ => number(word)?,
            };
        }
        let is_call = std::mem::take(&mut at.is_call);
        let mut cost = 0_u64;
        for (event, word) in words.enumerate() {
            let of_event: u64 = word.parse().ok()?;
            if event == self.chosen {
                cost = of_event;
            }
            if let (false, Some(sum)) = (is_call, self.sums.get_mut(event)) {
                *sum = sum.saturating_add(of_event);
            }
        }
        let line = at.last.get(at.line_at).copied().unwrap_or_default();
        let function = self.functions.get_mut(at.function?)?;
        if is_call {
            let calls = function.calls.entry(at.called.take()?).or_default();
            *calls = calls.saturating_add(cost);
        } else {
            let place = (at.of_costs, u32::try_from(line).unwrap_or_default());
            let own = function.own.entry(place).or_default();
            *own = own.saturating_add(cost);
            function.own_sum = function.own_sum.saturating_add(cost);
        }
        Some(())
    }

    /// Shares the costs out over stacks, from the functions that nobody called inward.
    fn profile(self) -> Profile {
        let mut builder = Builder::default();
        let name = self.command.split(' ').next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        let thread = builder.thread(self.pid, self.pid, name);
        let modules = self.modules(&mut builder);
        Shares {
            graph: &self,
            modules: &modules,
            thread,
        }
        .give(&mut builder);
        let event = self.events.get(self.chosen).map_or("Ir", String::as_str);
        let mut profile = builder.finish(event, CallGraph::CallEdges, false);
        let all = self.events.iter().zip(&self.sums).enumerate();
        let others = all.filter(|(at, (_, sum))| *at != self.chosen && **sum > 0);
        profile.other_events = others
            .map(|(_, (event, sum))| (event.clone(), *sum))
            .collect();
        profile
    }

    /// A function's own costs, by line: those of another file are of what is inlined.
    fn spend(
        &self,
        id: usize,
        caller: Option<StackId>,
        (thread, part): (ThreadId, f64),
        modules: &HashMap<u32, ModuleId>,
        builder: &mut Builder,
    ) {
        let (Some(function), Some((object, name))) = (self.functions.get(id), self.keys.get(id))
        else {
            return;
        };
        let Some(module) = modules.get(object).copied() else {
            return;
        };
        for ((file, line), cost) in &function.own {
            let own = scope(
                outermost(self.names.text(*name)),
                Some(self.names.text(*file)),
                Some(*line),
            );
            let frame = match *file == function.file {
                true => builder.named(module, vec![own]),
                // The function that is inlined has no name here, but its file tells the crate.
                false => {
                    let outer = scope(
                        outermost(self.names.text(*name)),
                        Some(self.names.text(function.file)),
                        None,
                    );
                    let inner = NamedScope {
                        function: "[inlined]".into(),
                        ..own
                    };
                    builder.named(module, vec![inner, outer])
                }
            };
            let place = builder.stack(caller, frame);
            builder.add_part(thread, place, *cost as f64 * part);
        }
    }

    fn modules(&self, builder: &mut Builder) -> HashMap<u32, ModuleId> {
        let objects = self.keys.iter().map(|(object, _)| *object);
        let mut modules = HashMap::new();
        for object in objects {
            modules.entry(object).or_insert_with(|| {
                builder.module(self.names.text(object), Path::new(""), Some(""))
            });
        }
        modules
    }

    fn frame(&self, id: usize, modules: &HashMap<u32, ModuleId>, builder: &mut Builder) -> FrameId {
        let (object, name) = self.keys.get(id).copied().unwrap_or_default();
        let file = self.functions.get(id).map_or(0, |function| function.file);
        let module = modules.get(&object).copied();
        let module = module.unwrap_or_else(|| builder.module("???", Path::new(""), Some("")));
        let scope = scope(
            outermost(self.names.text(name)),
            Some(self.names.text(file)),
            None,
        );
        builder.named(module, vec![scope])
    }
}

/// The function without its level of recursion: `fib'2`.
fn outermost(name: &str) -> &str {
    match name.rsplit_once('\'') {
        Some((function, level)) if level.parse::<u32>().is_ok() => function,
        _ => name,
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 3\n\
        cmd: /bin/app\npositions: line\nevents: Ir\n\n\
        ob=(1) /bin/app\nfl=(1) main.rs\nfn=(1) app::main\n5 10\ncfn=(2) app::a\ncalls=1 1\n6 40\n\
        cfn=(3) app::b\ncalls=1 1\n7 50\n\nfn=(2)\n1 10\ncfn=(4) app::shared\ncalls=1 1\n2 30\n\n\
        fn=(3)\n1 20\ncfn=(4)\ncalls=3 1\n+1 30\n\nfn=(4)\n9 50\nfi=(2) lib.rs\n3 10\n";

    #[test]
    fn costs_are_exact_and_callers_share_them() {
        let profile = read(&mut FILE.as_bytes(), None).unwrap().unwrap();
        assert_eq!(profile.period, 100);
        assert_eq!(profile.call_graph, CallGraph::CallEdges);
        let named = |frame: FrameId| profile.named[&frame].last().unwrap().function.clone();
        let mut of_shared: Vec<(Vec<String>, u64)> = Vec::new();
        for count in &profile.counts {
            let frames: Vec<String> = profile.frames_of(count.stack).map(named).collect();
            if frames[0] == "app::shared" {
                match of_shared.iter_mut().find(|(known, _)| *known == frames) {
                    Some((_, sum)) => *sum += count.period,
                    None => of_shared.push((frames, count.period)),
                }
            }
        }
        of_shared.sort();
        let path = |caller: &str| {
            ["app::shared", caller, "app::main"]
                .map(str::to_owned)
                .to_vec()
        };
        assert_eq!(of_shared, [(path("app::a"), 30), (path("app::b"), 30)]);
    }

    #[test]
    fn recursion_and_damage_end() {
        let recursive = FILE.to_owned() + "cfn=(4)\ncalls=9 1\n3 900\ncfn=(1)\ncalls=9 1\n3 900\n";
        assert!(read(&mut recursive.as_bytes(), None).is_ok());
        for cut in 0..FILE.len() {
            let _ = read(&mut &FILE.as_bytes()[..cut], None);
        }
    }
}
