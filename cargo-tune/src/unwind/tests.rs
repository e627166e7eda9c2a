//! What blocks `panic = "abort"`, and what does not.

use crate::unwind::{Reliance, scan};

fn lines(source: &str) -> Vec<usize> {
    found(source).into_iter().map(|(line, _)| line).collect()
}

/// The lines, and what becomes of each.
fn found(source: &str) -> Vec<(usize, Reliance)> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("main.rs");
    std::fs::write(&path, source).unwrap();
    let found = scan(&[path]).unwrap().into_iter();
    found.map(|e| (e.line, e.reliance)).collect()
}

#[test]
fn unwinding_functions_block_wherever_they_are_used() {
    assert_eq!(
        lines("fn f() {\n let _ = std::panic::catch_unwind(|| 1);\n}"),
        [2]
    );
    assert_eq!(
        lines("use std::panic;\nfn f() { panic::panic_any(1) }"),
        [2]
    );
    assert_eq!(lines("fn f() { g(std::panic::resume_unwind) }"), [1]);
    assert_eq!(
        lines("use std::panic::catch_unwind as guard;\nfn f() { guard(|| 1); }"),
        [1]
    );
    assert_eq!(lines("async fn f() {\n fut.catch_unwind().await;\n}"), [2]);
    assert_eq!(lines("fn f(e: E) -> bool { e.is_panic() }"), [1]);
}

#[test]
fn macro_bodies_are_read() {
    assert_eq!(
        lines("fn f() { assert!(\n std::panic::catch_unwind(g).is_err()); }"),
        [2]
    );
    assert_eq!(
        lines("macro_rules! guard {\n ($e:expr) => { ::std::panic::catch_unwind(|| $e) };\n}"),
        [2]
    );
    assert_eq!(
        lines("tokio::select! { x = y => {\n catch_unwind(z); } else => {} }"),
        [2]
    );
    assert_eq!(
        lines(
            "use std::thread;\nfn f() { let h = thread::spawn(g);\n assert!(matches!(h.join(), Err(_))); }"
        ),
        [3]
    );
}

#[test]
fn text_tests_and_plain_imports_do_not_block() {
    assert!(lines("// catch_unwind\nfn f() { p(\"catch_unwind\"); }").is_empty());
    assert!(lines("#[cfg(test)] mod tests { fn f() { std::panic::catch_unwind(g); } }").is_empty());
    assert!(lines("#[test] fn f() { std::panic::catch_unwind(g); }").is_empty());
    assert!(lines("#![cfg(test)]\nfn f() { std::panic::catch_unwind(g); }").is_empty());
    assert!(lines("#[cfg(test)] use std::panic::catch_unwind;").is_empty());
    assert!(lines("fn f() { #[cfg(test)] { std::panic::catch_unwind(g); } }").is_empty());
    assert!(
        lines("#[cfg(panic = \"unwind\")]\nfn f() { std::panic::catch_unwind(g); }").is_empty()
    );
}

#[test]
fn the_error_of_a_threads_join_blocks_and_unwrap_does_not() {
    let threads = "use std::thread;\n";
    let f = |body: &str| {
        lines(&format!(
            "{threads}fn f() {{ let h = thread::spawn(|| 1);\n {body} }}"
        ))
    };
    assert_eq!(f("match h.join() { Ok(_) => {}, Err(_) => {} }"), [3]);
    assert_eq!(f("if let Err(e) = h.join() { p(e) }"), [3]);
    assert_eq!(f("let Ok(x) = h.join() else { return };"), [3]);
    assert_eq!(f("if h.join().is_err() {}"), [3]);
    assert_eq!(f("h.join().unwrap_or_else(|_| 2);"), [3]);
    assert_eq!(f("let r = h.join();\n if let Err(_) = r {}"), [4]);
    assert!(f("h.join().unwrap();").is_empty());
    assert!(f("h.join().expect(\"x\");").is_empty());
    for dropped in ["let _ = h.join();", "drop(h.join());", "_ = h.join();"] {
        let source = format!("{threads}fn f() {{ let h = thread::spawn(|| 1);\n {dropped} }}");
        assert_eq!(found(&source), [(3, Reliance::GoesOn)], "{dropped}");
    }
    assert_eq!(f("h.join().map(|_| ()).is_err();"), [3]);
    assert!(f("h.join().map(|_| ()).unwrap();").is_empty());
    let pool = "use std::thread;\nfn f() { let mut all = Vec::new(); for _ in 0..2 { all.push(thread::spawn(g)); }\n for h in all { if h.join().is_err() {} } }";
    assert_eq!(lines(pool), [3]);
    let field = "struct S { h: Option<std::thread::JoinHandle<()>> }\nimpl S { fn f(&mut self) {\n if self.h.take().unwrap().join().is_err() {} } }";
    assert_eq!(lines(field), [3]);
}

#[test]
fn a_types_own_join_does_not_block() {
    let own = "struct W; impl W { fn new() -> Self { W } fn join(self) -> Result<(), String> { std::thread::yield_now(); Ok(()) } }\n";
    let f = |body: &str| lines(&format!("{own}{body}"));
    assert!(f("fn f() { if let Err(e) = W::new().join() { p(e) } }").is_empty());
    assert!(
        f("fn f() { let w = W::new(); match w.join() { Ok(_) => {}, Err(_) => {} } }").is_empty()
    );
    assert!(f("fn f(w: W) { w.join().unwrap_or_default() }").is_empty());
    assert!(
        f("fn make() -> W { W } fn f() { let w = make(); if w.join().is_err() {} }").is_empty()
    );
    assert!(lines("fn f(parts: Vec<String>, p: &Path) { if let Err(_) = x(parts.join(\",\"), p.join(\"a\")) {} }").is_empty());
    // Its own join does not excuse a thread's.
    assert_eq!(
        f("fn f() { let h = std::thread::spawn(g);\n if h.join().is_err() {} }"),
        [3]
    );
}

#[test]
fn other_names_of_a_threads_things_are_known() {
    for (source, wanted) in [
        (
            "use std::thread as t;\nfn f() { if t::panicking() {} }",
            Reliance::Destructor,
        ),
        (
            "use std::thread::{self as t};\nfn f() { if t::panicking() {} }",
            Reliance::Destructor,
        ),
        (
            "fn f() { g() }\nuse std::thread::panicking as p;",
            Reliance::Destructor,
        ),
        (
            "use std::thread::spawn as go;\nfn f() { if go(g).join().is_err() {} }",
            Reliance::Breaks,
        ),
        (
            "use std::thread::JoinHandle as H;\nfn f(h: H<()>) { if h.join().is_err() {} }",
            Reliance::Breaks,
        ),
        (
            "type H = std::thread::JoinHandle<()>; type I = Vec<H>; struct S { i: I }\nimpl S { fn f(self) { for h in self.i { if h.join().is_err() {} } } }",
            Reliance::Breaks,
        ),
    ] {
        assert_eq!(found(source), [(2, wanted)], "{source}");
    }
}

#[test]
fn functions_that_hand_a_panic_on_are_followed() {
    let wait =
        "use std::thread;\nfn wait(h: thread::JoinHandle<u8>) -> thread::Result<u8> { h.join() }\n";
    assert_eq!(
        lines(&format!("{wait}fn f(h: H) {{ if wait(h).is_err() {{}} }}")),
        [3]
    );
    assert!(lines(&format!("{wait}fn f(h: H) {{ wait(h).unwrap(); }}")).is_empty());
    let written = "fn wait(h: std::thread::JoinHandle<u8>) -> Result<u8, Box<dyn std::any::Any + Send>> { h.join() }\n";
    assert_eq!(
        lines(&format!(
            "{written}fn f(h: H) {{ if wait(h).is_err() {{}} }}"
        )),
        [2]
    );
    let plugin = "fn load(h: std::thread::JoinHandle<u8>) -> Result<Box<dyn std::any::Any>, E> { h.join().unwrap() }\n";
    assert!(
        lines(&format!(
            "{plugin}fn f(h: H) {{ if load(h).is_err() {{}} }}"
        ))
        .is_empty()
    );
}

#[test]
fn handling_a_poisoned_lock_is_a_doubt_and_unwrapping_is_not() {
    let f = |body: &str| {
        found(&format!(
            "use std::sync::{{Mutex, PoisonError}};\nfn f(m: &Mutex<u8>) {{\n {body} }}"
        ))
    };
    for body in [
        "let g = m.lock().unwrap_or_else(PoisonError::into_inner);",
        "let g = m.lock().unwrap_or_else(|e| e.into_inner());",
        "match m.lock() { Ok(g) => p(g), Err(e) => q(e) }",
        "if let Ok(g) = m.lock() { p(g) }",
        "if m.is_poisoned() { m.clear_poison() }",
        "m.lock().map(|g| *g).unwrap_or_default();",
        "match m.try_lock() { Err(TryLockError::Poisoned(e)) => q(e), _ => {} }",
    ] {
        assert_eq!(f(body), [(3, Reliance::Poison)], "{body}");
    }
    for body in [
        "let g = m.lock().unwrap();",
        "let g = m.lock().expect(\"x\");",
        "if let Ok(g) = m.try_lock() { p(g) }",
        "if let Ok(line) = std::io::stdin().lock().next() { p(line) }",
        "if let Err(e) = file.lock() { p(e) }",
    ] {
        assert_eq!(f(body), [], "{body}");
    }
    // Other locks have errors of their own.
    for own in ["use fd_lock::RwLock;", "struct RwLock;"] {
        let source = format!("{own}\nfn f(l: RwLock) {{ if let Ok(g) = l.write() {{ p(g) }} }}");
        assert_eq!(found(&source), [], "{own}");
    }
}

#[test]
fn modules_are_followed_and_test_modules_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "lib.rs",
        "mod a;\n#[cfg(test)] mod t;\n#[path = \"odd.rs\"] mod b;\nmod inline { mod c; }\n",
    );
    write("a.rs", "mod deep;");
    write("a/deep.rs", "fn f() { std::panic::catch_unwind(g); }");
    write("t.rs", "fn f() { std::panic::catch_unwind(g); }");
    write("odd.rs", "\nfn f() { std::panic::catch_unwind(g); }");
    write("inline/c.rs", "\n\nfn f() { std::panic::catch_unwind(g); }");
    write("orphan.rs", "fn f() { std::panic::catch_unwind(g); }");
    let found = scan(&[directory.path().join("lib.rs")]).unwrap();
    let names: Vec<String> = found
        .iter()
        .map(|e| {
            let file = e.file.strip_prefix(directory.path()).unwrap();
            format!("{}:{}", file.display(), e.line)
        })
        .collect();
    assert_eq!(names, ["a/deep.rs:1", "inline/c.rs:3", "odd.rs:2"]);
}
