#!/usr/bin/env bash
# Guess: an unwinder follows a CFA that is given as a DWARF expression, or says that it cannot. framehop evaluates expressions,
#        and tells the caller so: a rule that it cannot put in its cache is worked out each time.
# Seen:  it evaluates those that need registers only. One that reads memory (the stack pointer that a function saved before it
#        aligned its stack) fails inside, and the frame is unwound by rbp in place of it, without an error: the answer is
#        whatever rbp points to. That rule is what the cache keeps for the address.
# Matters: functions written by hand with an aligned stack (the vector code of OpenSSL and ring) keep other values in rbp; the
#        callers above them in a profile are then false, and not missing.
# Version: framehop 0.16.0; rustc 1.95.0.
# Source: observation; the comment of framehop's x86-64 unwinding calls this the generic path.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat > Cargo.toml <<'END'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[dependencies]
framehop = "=0.16.0"
[workspace]
END
cat > src/main.rs <<'END'
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};

/// A CIE with the rules of a function's entry, and an FDE of 0x1000..0x1100 whose CFA is this expression.
fn eh_frame(expression: &[u8]) -> Vec<u8> {
    let record = |mut body: Vec<u8>| {
        while body.len() % 8 != 4 { body.push(0) } // DW_CFA_nop
        let mut all = (body.len() as u32).to_le_bytes().to_vec();
        all.extend(body);
        all
    };
    // id, version, no augmentation, code and data alignment, return address, def_cfa rsp+8, ra at cfa-8
    let mut cie = 0u32.to_le_bytes().to_vec();
    cie.extend([1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1]);
    let mut all = record(cie);
    let mut fde = (all.len() as u32 + 4).to_le_bytes().to_vec();
    fde.extend(0x1000u64.to_le_bytes());
    fde.extend(0x100u64.to_le_bytes());
    fde.extend([0x0f, expression.len() as u8]);
    fde.extend(expression);
    all.extend(record(fde));
    all.extend([0; 4]);
    all
}

fn main() {
    // The stack at 0x8000: the function keeps the caller's stack pointer at rsp+0x10, as code does that
    // aligns its stack; rbp is a number of the caller's that points into the stack by chance.
    let mut stack = [0u64; 64];
    let caller = 0x8000 + 0x80;
    stack[2] = caller; // at rsp+0x10
    stack[(0x80 / 8) - 1] = 0x4444; // the return address, below the caller's stack pointer
    stack[20] = 0x8000 + 0x180; // what a frame pointer would be followed to
    stack[21] = 0x6666;
    let read = |at: u64| stack.get((at.checked_sub(0x8000).ok_or(())? / 8) as usize).copied().ok_or(());
    let (rsp, rbp) = (0x8000, 0x8000 + 20 * 8);
    for (name, expression) in [
        ("rsp+0x80", &[0x77, 0x80, 0x01][..]),               // DW_OP_breg7 0x80
        ("[rsp+0x10]", &[0x77, 0x10, 0x06][..]),             // DW_OP_breg7 0x10, DW_OP_deref
    ] {
        let mut unwinder: UnwinderX86_64<Vec<u8>> = UnwinderX86_64::new();
        unwinder.add_module(Module::new("a".into(), 0x1000..0x1100, 0x1000, ExplicitModuleSectionInfo {
            base_svma: 0x1000,
            text_svma: Some(0x1000..0x1100),
            eh_frame_svma: Some(0x2000..0x3000),
            eh_frame: Some(eh_frame(expression)),
            ..Default::default()
        }));
        let mut cache = CacheX86_64::new();
        let mut regs = UnwindRegsX86_64::new(0x1050, rsp, rbp);
        let found = unwinder.unwind_frame(FrameAddress::from_instruction_pointer(0x1050), &mut regs, &mut cache, &mut { read });
        println!("{name} {} {:#x}", found.map_or("error".into(), |it| it.map_or("none".into(), |it| format!("{it:#x}"))), regs.sp());
    }
}
END
cargo +1.95.0 run --quiet > said 2> errors || { cat errors; exit 1; }
echo "CFA as an expression, return address found, stack pointer of the caller:"
cat said
grep -qx 'rsp+0x80 0x4444 0x8080' said || { echo "changed: an expression of a register alone is not followed"; exit 1; }
if grep -qx '\[rsp+0x10\] 0x4444 0x8080' said; then echo "changed: memory is read"; exit 1; fi
grep -qx '\[rsp+0x10\] 0x6666 0x80b0' said || { echo "changed: something else than rbp is followed"; exit 1; }
echo "as described: the same frame has another caller when its rule reads memory"
