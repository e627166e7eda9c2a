//! callgrind's output: how many instructions each line of each function took, and how many each call
//! from a line to a function took in all.
//!
//! Source: "Callgrind Format Specification" of valgrind's manual. Costs are exact; there are no
//! stacks, but edges from callers to callees. They are turned into stacks by sharing out: when `f`
//! took 10 instructions for its caller `a` and 30 for `b`, a quarter of whatever `f` does and calls
//! counts for `a`. gprof does the same, and it is wrong where `f` does different things for each:
//! figures that rest on callers are estimates, and are labelled as such.

use super::build::{Builder, scope};
use crate::profile::{CallGraph, FrameId, ModuleId, NamedScope, Profile, StackId, ThreadId};
use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
    path::Path,
};

/// Longer lines are of no callgrind.
const MOST_LINE: usize = 1 << 20;
/// A part of the whole that is smaller is not followed further.
const LEAST: f64 = 1e-5;
/// Frames of a stack: recursion is followed no further.
const MOST_DEPTH: usize = 128;
/// Nodes of all stacks.
const MOST_NODES: usize = 1 << 20;

/// A function of a file of an object, by its numbers.
type Key = (u32, u32);

#[derive(Debug, Default)]
struct Function {
    /// By file and line.
    own: BTreeMap<(u32, u32), u64>,
    own_sum: u64,
    calls: BTreeMap<usize, u64>,
    inclusive: u64,
    called: u64,
    file: u32,
}

#[derive(Debug, Default)]
struct Graph {
    names: Names,
    functions: Vec<Function>,
    by_key: HashMap<Key, usize>,
    keys: Vec<Key>,
    event: String,
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

pub(super) fn read(reader: &mut dyn BufRead) -> Result<Profile, String> {
    let mut graph = parse(reader)?;
    graph.sum();
    if graph.functions.iter().all(|function| function.own_sum == 0) {
        return Err("it has no costs".into());
    }
    Ok(graph.profile())
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

fn parse(reader: &mut dyn BufRead) -> Result<Graph, String> {
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
        graph.take(text.trim(), &mut at);
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

    fn take(&mut self, line: &str, at: &mut At) -> Option<()> {
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
                self.event = value.split_whitespace().next().unwrap_or("Ir").to_owned();
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
        let cost: u64 = words.next().map_or(Some(0), |word| word.parse().ok())?;
        let line = at.last.get(at.line_at).copied().unwrap_or_default();
        let function = self.functions.get_mut(at.function?)?;
        if std::mem::take(&mut at.is_call) {
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

    fn sum(&mut self) {
        let mut called = vec![0_u64; self.functions.len()];
        for (id, function) in self.functions.iter_mut().enumerate() {
            function.inclusive = function.own_sum;
            for (callee, cost) in &function.calls {
                function.inclusive = function.inclusive.saturating_add(*cost);
                // Recursion brings nothing from outside.
                if *callee != id
                    && let Some(sum) = called.get_mut(*callee)
                {
                    *sum = sum.saturating_add(*cost);
                }
            }
        }
        for (function, called) in self.functions.iter_mut().zip(called) {
            function.called = called;
        }
    }

    /// Shares the costs out over stacks, from the functions that nobody called inward.
    fn profile(self) -> Profile {
        let mut builder = Builder::default();
        let name = self.command.split(' ').next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        let thread = builder.thread(self.pid, self.pid, name);
        let modules = self.modules(&mut builder);
        let whole: f64 = self.functions.iter().map(|it| it.own_sum as f64).sum();
        let least = (whole * LEAST).max(1.0);
        let mut given = vec![0.0_f64; self.functions.len()];
        let mut work: Vec<(usize, Option<StackId>, f64, usize)> = self
            .functions
            .iter()
            .enumerate()
            .map(|(id, function)| (id, function.inclusive.saturating_sub(function.called)))
            .filter(|(_, own)| *own > 0)
            .map(|(id, own)| (id, None, own as f64, 1))
            .collect();
        let mut nodes = 0;
        while let Some((id, caller, amount, depth)) = work.pop() {
            let Some(function) = self.functions.get(id) else {
                continue;
            };
            nodes += 1;
            let whole = function.inclusive.max(1) as f64;
            let part = (amount / whole).min(1.0);
            let frame = self.frame(id, &modules, &mut builder);
            let stack = builder.stack(caller, frame);
            let own = function.own_sum as f64 * part;
            if let Some(given) = given.get_mut(id) {
                *given += own;
            }
            self.spend(id, caller, (thread, part), &modules, &mut builder);
            if depth >= MOST_DEPTH || nodes >= MOST_NODES {
                continue;
            }
            for (callee, cost) in &function.calls {
                let amount = *cost as f64 * part;
                if *callee != id && amount >= least {
                    work.push((*callee, Some(stack), amount, depth + 1));
                }
            }
        }
        // What was too little to be followed is still the function's own, by whomever called.
        for (id, (function, given)) in self.functions.iter().zip(given).enumerate() {
            let rest = function.own_sum as f64 - given;
            if rest > 1e-6 {
                let frame = self.frame(id, &modules, &mut builder);
                let stack = builder.stack(None, frame);
                builder.add_part(thread, stack, rest);
            }
        }
        builder.finish(&self.event, CallGraph::CallEdges, false)
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
                self.names.text(*name),
                Some(self.names.text(*file)),
                Some(*line),
            );
            let frame = match *file == function.file {
                true => builder.named(module, vec![own]),
                // The function that is inlined has no name here, but its file tells the crate.
                false => {
                    let outer = scope(
                        self.names.text(*name),
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
        let scope = scope(self.names.text(name), Some(self.names.text(file)), None);
        builder.named(module, vec![scope])
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
        let profile = read(&mut FILE.as_bytes()).unwrap();
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
        assert!(read(&mut recursive.as_bytes()).is_ok());
        for cut in 0..FILE.len() {
            let _ = read(&mut &FILE.as_bytes()[..cut]);
        }
    }
}
