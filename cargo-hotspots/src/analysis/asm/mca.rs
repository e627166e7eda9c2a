//! What `llvm-mca` says of a loop, where it is installed.
//!
//! It models a processor: every block of the loop runs once, every access hits the first cache, no
//! branch is mispredicted. What it says is shown as a model's word. Calls are left out, because it
//! does not follow them.
//!
//! Limits: it is asked for the processor of this machine, which may not be the recording's.

use super::model::Throughput;
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// How often the loop runs in the model.
const ITERATIONS: u32 = 100;

/// Cycles and bottleneck of instructions in AT&T's syntax; `None` where it is not installed, or does
/// not understand one of them.
pub(super) fn throughput(instructions: &[String]) -> Option<Throughput> {
    let is_call = |text: &&String| text.starts_with("call") || text.starts_with("ret");
    let text: String = instructions
        .iter()
        .filter(|text| !is_call(text))
        .flat_map(|text| [text.as_str(), "\n"])
        .collect();
    if text.is_empty() {
        return None;
    }
    let mut child = Command::new("llvm-mca")
        .args(["-mtriple=x86_64-unknown-linux-gnu", "-mcpu=native"])
        .arg(format!("-iterations={ITERATIONS}"))
        .args(["-bottleneck-analysis", "-instruction-info=false"])
        .args(["-resource-pressure=false", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // It reads everything before it answers: no deadlock. A failed write is a failed answer.
    let _ = child.stdin.take()?.write_all(text.as_bytes());
    let output = child.wait_with_output().ok()?;
    output.status.success().then_some(())?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(output: &str) -> Option<Throughput> {
    let field = |name: &str| {
        let mut lines = output.lines();
        let rest = lines.find_map(|line| line.trim().strip_prefix(name));
        rest.map(str::trim)
    };
    let cycles: f64 = field("Total Cycles:")?.parse().ok()?;
    let iterations: f64 = field("Iterations:")?.parse().ok()?;
    (iterations > 0.0).then_some(())?;
    // `  Throughput Bottlenecks: ` is followed by `  Resource Pressure       [ 73.33% ]` and the
    // like, indented under each other.
    let share = |name: &str| -> Option<f64> {
        let rest = field(name)?.strip_prefix('[')?;
        rest.split('%').next()?.trim().parse().ok()
    };
    let kinds = [
        ("Resource Pressure", "execution units"),
        ("Register Dependencies:", "a chain of register dependencies"),
        (
            "- Register Dependencies",
            "a chain of register dependencies",
        ),
        ("- Memory Dependencies", "a chain of memory dependencies"),
    ];
    let worst = kinds
        .iter()
        .filter_map(|(name, words)| Some((share(name)?, *words)))
        .filter(|(share, _)| *share > 0.0)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Some(Throughput {
        cpu: "native".into(),
        cycles: cycles / iterations,
        bottleneck: worst.map(|(share, words)| format!("{words} ({share:.0} % of the cycles)")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_and_bottleneck_are_read() {
        let output = "Iterations:        100\nInstructions:      300\nTotal Cycles:      403\n\n\
                      Cycles with backend pressure increase [ 97.02% ]\n\
                      Throughput Bottlenecks: \n  Resource Pressure       [ 0.00% ]\n  \
                      Data Dependencies:      [ 97.02% ]\n  - Register Dependencies [ 97.02% ]\n  \
                      - Memory Dependencies   [ 0.00% ]\n";
        let found = parse(output).unwrap();
        assert!((found.cycles - 4.03).abs() < 1e-9);
        let bottleneck = found.bottleneck.unwrap();
        assert_eq!(
            bottleneck,
            "a chain of register dependencies (97 % of the cycles)"
        );
        assert_eq!(parse("error: unknown"), None);
    }
}
