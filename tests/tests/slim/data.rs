//! Whose data is.

use crate::slim;
use std::{fs, process::Command};

/// A constant that two functions refer to. One is the old copy that BOLT leaves in a section which
/// it has renamed: without a symbol, known by its unwind table alone.
const LEFT_BEHIND: &str = "
        .section .rodata
        .balign 16
.Lconstant: .quad 1, 2, 3, 4
        .text
        .globl alive
        .type alive, @function
alive:  .cfi_startproc
        leaq .Lconstant(%rip), %rax
        ret
        .cfi_endproc
        .size alive, . - alive
        .section SECTION, \"ax\", @progbits
        .cfi_startproc
        leaq .Lconstant(%rip), %rax
        ret
        .cfi_endproc
";

#[test]
fn what_bolt_left_behind_uses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let users = |section: &str| {
        let source = directory.path().join("left.s");
        let library = directory.path().join("left.so");
        fs::write(&source, LEFT_BEHIND.replace("SECTION", section)).unwrap();
        let made = Command::new("cc")
            .args(["-shared", "-nostdlib", "-o"])
            .args([&library, &source])
            .status();
        assert!(made.unwrap().success());
        let file = library.to_str().unwrap();
        let report = slim()
            .run([
                "data",
                "--file",
                file,
                "--message-format",
                "json",
                "-n",
                "0",
            ])
            .report();
        let mut rows = report
            .rows()
            .iter()
            .filter(|row| row["section"] == ".rodata");
        let row = rows.next().unwrap();
        assert_eq!((rows.count(), &row["file"]), (0, &32.into()));
        row["shared_by"].as_array().unwrap().len()
    };
    assert_eq!(users(".bolt.org.text"), 0);
    // Elsewhere code that nobody knows counts: what it uses is not its neighbour's alone.
    assert_eq!(users(".text.other"), 2);
}

/// An array of pairs, a small number and a pointer, behind a pointer and its length: as methods of a
/// Python class are on Windows, whose linker keeps such arrays beside texts.
const LIST: &str = "
        .section .rodata
        .balign 8
.Llist: .quad .Lpairs, 2, .Ltext, 5
.Lpairs: .quad 2, first, 3, second
.Ltext: .ascii \"hello\"
        .text
        .globl start
        .type start, @function
start:  .cfi_startproc
        leaq .Llist(%rip), %rax
        ret
        .cfi_endproc
        .size start, . - start
        .type first, @function
first:  .cfi_startproc
        ret
        .cfi_endproc
        .size first, . - first
        .type second, @function
second: .cfi_startproc
        nop
        ret
        .cfi_endproc
        .size second, . - second
";

/// The assembler's own sizes are the witness: 32 bytes, 32 and 5.
#[test]
fn a_length_before_pointers_is_not_that_of_a_text() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("list.s");
    let library = directory.path().join("list.so");
    fs::write(&source, LIST).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-nostdlib", "-Wl,-z,notext", "-o"])
        .args([&library, &source])
        .status();
    assert!(made.unwrap().success());
    let report = slim().view(&["data"], &library);
    let rows = report.rows().iter();
    let rows = rows.filter(|row| row["section"] == ".rodata");
    let mut sizes: Vec<u64> = rows.map(|row| row["file"].as_u64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 32, 32]);
    let retained = slim().view(&["retained"], &library);
    assert_eq!(retained.json["graph"]["unknown"], 0);
}
