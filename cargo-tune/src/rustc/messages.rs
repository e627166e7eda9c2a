//! What rustc says in a build, by the messages of cargo that machines read.
//!
//! Standard error is no witness: with `-vv`, or `term.verbose` in a configuration, cargo writes the
//! commands and variables of every compilation there, and with them whatever flags, paths and
//! package descriptions hold. It is asked only about what cargo itself complains of, last of all.

use std::io::Read;

use cargo_metadata::Message;
use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel};

/// The argument that makes cargo hand rustc's messages over.
pub(super) const FORMAT: &str = "--message-format=json";

/// What rustc said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Diagnostics {
    /// The first error, as rustc shows it: several lines.
    pub(super) error: Option<String>,
    /// Messages without code and without a place in the source, such as those of LLVM.
    pub(super) unplaced: Vec<String>,
}

impl Diagnostics {
    /// Takes one message in.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        let Diagnostic {
            message,
            code,
            level,
            spans,
            rendered,
            ..
        } = diagnostic;
        let is_error = matches!(level, DiagnosticLevel::Error | DiagnosticLevel::Ice);
        if is_error && self.error.is_none() {
            let shown = rendered.unwrap_or_else(|| format!("error: {message}"));
            self.error = Some(shown);
        }
        if code.is_none() && spans.is_empty() {
            self.unplaced.push(message);
        }
    }

    /// The first line that says what went wrong: rustc's error, else cargo's by what it wrote to
    /// standard error, where an error is the last thing.
    pub(super) fn first_error(&self, stderr: &str) -> String {
        let of_rustc = self.error.as_deref().and_then(|error| error.lines().next());
        let mut of_cargo = stderr.lines().rev();
        let line = of_rustc
            .or_else(|| of_cargo.find(|line| line.starts_with("error")))
            .or_else(|| stderr.lines().last());
        line.unwrap_or("no message").trim().to_owned()
    }
}

/// The messages of cargo until the stream ends or is no stream of messages.
pub(super) fn messages(stdout: impl Read) -> impl Iterator<Item = Message> {
    Message::parse_stream(std::io::BufReader::new(stdout)).map_while(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cargo 1.95 writes them, shortened.
    const STREAM: &str = r#"{"reason":"compiler-message","package_id":"path+file:///p#dep@0.1.0","manifest_path":"/p/Cargo.toml","target":{"kind":["lib"],"crate_types":["lib"],"name":"dep","src_path":"/p/src/lib.rs","edition":"2021","doc":true,"doctest":true,"test":true},"message":{"rendered":"warning: use of deprecated function `a`\n","$message_type":"diagnostic","children":[],"level":"warning","message":"/p/a.profdata: no profile data available for function a","spans":[],"code":{"code":"deprecated","explanation":null}}}
a line of a program
{"reason":"compiler-message","package_id":"path+file:///p#dep@0.1.0","manifest_path":"/p/Cargo.toml","target":{"kind":["lib"],"crate_types":["lib"],"name":"dep","src_path":"/p/src/lib.rs","edition":"2021","doc":true,"doctest":true,"test":true},"message":{"rendered":"warning: dep.1-cgu.0: no profile data\n\n","$message_type":"diagnostic","children":[],"level":"warning","message":"dep.1-cgu.0: no profile data","spans":[],"code":null}}
{"reason":"compiler-message","package_id":"path+file:///p#dep@0.1.0","manifest_path":"/p/Cargo.toml","target":{"kind":["lib"],"crate_types":["lib"],"name":"dep","src_path":"/p/src/lib.rs","edition":"2021","doc":true,"doctest":true,"test":true},"message":{"rendered":"error: linking with `cc` failed: exit status: 1\n  |\n  = note: x\n","$message_type":"diagnostic","children":[],"level":"error","message":"linking with `cc` failed: exit status: 1","spans":[],"code":null}}
"#;

    #[test]
    fn rustcs_own_messages_are_told_from_all_else() {
        let mut said = Diagnostics::default();
        for message in messages(STREAM.as_bytes()) {
            if let Message::CompilerMessage(message) = message {
                said.add(message.message);
            }
        }
        // The deprecation has a code, so its words are the program's.
        let linking = "linking with `cc` failed: exit status: 1";
        assert_eq!(said.unplaced, ["dep.1-cgu.0: no profile data", linking]);
        let line = said.first_error("     Running `A='\nerror: a description' rustc`\n");
        assert_eq!(line, format!("error: {linking}"));
    }

    #[test]
    fn cargos_own_error_is_the_last() {
        let said = Diagnostics::default();
        let stderr = "   Compiling a v1.0.0\n     Running `CARGO_PKG_DESCRIPTION='\n\
                      errors as values' rustc`\nerror: failed to run custom build command for `a`\n\n\
                      Caused by:\n  process didn't exit successfully\n";
        let error = "error: failed to run custom build command for `a`";
        assert_eq!(said.first_error(stderr), error);
        assert_eq!(said.first_error("killed\n"), "killed");
        assert_eq!(said.first_error(""), "no message");
    }
}
