//! The processors that files are made for.
//!
//! Names follow the first part of Rust's target triples. ELF is read by its machine number, every
//! other format by what `object` finds.

use object::{Endianness, elf};
use std::fmt;

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit x86 with 32-bit pointers.
    X86_64X32,
    /// 32-bit x86.
    I686,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm, A32 and Thumb.
    Arm,
    /// 64-bit RISC-V.
    Riscv64,
    /// 32-bit RISC-V.
    Riscv32,
    /// 64-bit POWER, high byte first.
    PowerPc64,
    /// 64-bit POWER, low byte first.
    PowerPc64Le,
    /// 32-bit PowerPC.
    PowerPc,
    /// IBM Z.
    S390x,
    /// LoongArch.
    LoongArch64,
    /// 64-bit MIPS.
    Mips64,
    /// 32-bit MIPS.
    Mips,
    /// 64-bit SPARC.
    Sparc64,
    /// AVR microcontrollers.
    Avr,
    /// MSP430 microcontrollers.
    Msp430,
    /// Hexagon.
    Hexagon,
    /// Xtensa microcontrollers.
    Xtensa,
    /// The Linux kernel's BPF machine.
    Bpf,
    /// WebAssembly with 32-bit addresses.
    Wasm32,
    /// WebAssembly with 64-bit addresses.
    Wasm64,
    /// A universal Mach-O file: its images have different ones.
    Universal,
    /// Any other, or none.
    Unknown,
}

impl Architecture {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X86_64X32 => "x86_64-x32",
            Self::I686 => "i686",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
            Self::Riscv32 => "riscv32",
            Self::PowerPc64 => "powerpc64",
            Self::PowerPc64Le => "powerpc64le",
            Self::PowerPc => "powerpc",
            Self::S390x => "s390x",
            Self::LoongArch64 => "loongarch64",
            Self::Mips64 => "mips64",
            Self::Mips => "mips",
            Self::Sparc64 => "sparc64",
            Self::Avr => "avr",
            Self::Msp430 => "msp430",
            Self::Hexagon => "hexagon",
            Self::Xtensa => "xtensa",
            Self::Bpf => "bpf",
            Self::Wasm32 => "wasm32",
            Self::Wasm64 => "wasm64",
            Self::Universal => "universal",
            Self::Unknown => "unknown",
        }
    }

    /// The architecture of an ELF file.
    pub(super) fn from_elf(machine: elf::Machine, is_64: bool, endian: Endianness) -> Self {
        match machine {
            elf::EM_X86_64 if is_64 => Self::X86_64,
            elf::EM_X86_64 => Self::X86_64X32,
            elf::EM_386 => Self::I686,
            elf::EM_AARCH64 => Self::Aarch64,
            elf::EM_ARM => Self::Arm,
            elf::EM_RISCV if is_64 => Self::Riscv64,
            elf::EM_RISCV => Self::Riscv32,
            elf::EM_PPC64 if endian == Endianness::Little => Self::PowerPc64Le,
            elf::EM_PPC64 => Self::PowerPc64,
            elf::EM_PPC => Self::PowerPc,
            elf::EM_S390 => Self::S390x,
            elf::EM_LOONGARCH => Self::LoongArch64,
            elf::EM_MIPS if is_64 => Self::Mips64,
            elf::EM_MIPS => Self::Mips,
            elf::EM_SPARCV9 => Self::Sparc64,
            elf::EM_AVR => Self::Avr,
            elf::EM_MSP430 => Self::Msp430,
            elf::EM_HEXAGON => Self::Hexagon,
            elf::EM_XTENSA => Self::Xtensa,
            elf::EM_BPF => Self::Bpf,
            _ => Self::Unknown,
        }
    }

    /// The processor of a Mach-O file (`mach/machine.h`).
    pub(super) fn from_macho(cpu: u32) -> Self {
        match cpu {
            0x0100_0007 => Self::X86_64,
            0x0000_0007 => Self::I686,
            0x0100_000c | 0x0200_000c => Self::Aarch64,
            0x0000_000c => Self::Arm,
            0x0100_0012 => Self::PowerPc64,
            0x0000_0012 => Self::PowerPc,
            _ => Self::Unknown,
        }
    }

    /// The processor of a COFF file (`IMAGE_FILE_MACHINE_*`).
    pub(super) fn from_coff(machine: u16) -> Self {
        match machine {
            0x8664 => Self::X86_64,
            0x014c => Self::I686,
            // Also code that calls, and is called by, emulated x86-64.
            0xaa64 | 0xa641 | 0xa64e => Self::Aarch64,
            0x01c0 | 0x01c2 | 0x01c4 => Self::Arm,
            0x5064 => Self::Riscv64,
            0x5032 => Self::Riscv32,
            0x6264 => Self::LoongArch64,
            _ => Self::Unknown,
        }
    }

    /// What `object` calls the architecture of a Mach-O, PE or wasm file.
    pub(super) fn from_object(architecture: object::Architecture) -> Self {
        match architecture {
            object::Architecture::X86_64 => Self::X86_64,
            object::Architecture::X86_64_X32 => Self::X86_64X32,
            object::Architecture::I386 => Self::I686,
            object::Architecture::Aarch64 => Self::Aarch64,
            object::Architecture::Arm => Self::Arm,
            object::Architecture::Riscv64 => Self::Riscv64,
            object::Architecture::Riscv32 => Self::Riscv32,
            object::Architecture::PowerPc64 => Self::PowerPc64,
            object::Architecture::PowerPc => Self::PowerPc,
            object::Architecture::LoongArch64 => Self::LoongArch64,
            object::Architecture::Wasm32 => Self::Wasm32,
            object::Architecture::Wasm64 => Self::Wasm64,
            // `object` may learn of more at any time, in formats where Rust has no target for them.
            _ => Self::Unknown,
        }
    }

    /// Whether bit 0 of a function's address selects an instruction set instead of a byte: Thumb on
    /// 32-bit Arm, microMIPS and MIPS16 on MIPS.
    pub fn marks_functions_in_bit_0(self) -> bool {
        match self {
            Self::Arm | Self::Mips | Self::Mips64 => true,
            Self::X86_64
            | Self::X86_64X32
            | Self::I686
            | Self::Aarch64
            | Self::Riscv64
            | Self::Riscv32
            | Self::PowerPc64
            | Self::PowerPc64Le
            | Self::PowerPc
            | Self::S390x
            | Self::LoongArch64
            | Self::Sparc64
            | Self::Avr
            | Self::Msp430
            | Self::Hexagon
            | Self::Xtensa
            | Self::Bpf
            | Self::Wasm32
            | Self::Wasm64
            | Self::Universal
            | Self::Unknown => false,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
