//! Which frames and which spelling of instructions a view shows.

use crate::analysis::Frames;
use clap::{Args, ValueEnum};
use codecost::disasm::Syntax;

/// Which functions of a stack are shown.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct FrameFlags {
    /// Show the functions that only start the program, and every level of a recursion
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    all_frames: bool,
}

impl FrameFlags {
    /// As the analysis takes it.
    pub(crate) fn frames(self) -> Frames {
        match self.all_frames {
            true => Frames::All,
            false => Frames::Folded,
        }
    }
}

/// How instructions are written.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct SyntaxFlag {
    /// How instructions are written
    #[arg(
        long,
        value_enum,
        value_name = "SYNTAX",
        default_value_t,
        hide_default_value = true
    )]
    #[arg(help_heading = "Output", hide_short_help = true)]
    syntax: SyntaxChoice,
}

/// `--syntax`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SyntaxChoice {
    /// `mov rax, [rdi + 8]`, as in the manuals of the processors (the default)
    #[default]
    Intel,
    /// `mov 8(%rdi), %rax`, as GNU tools write it
    Att,
}

impl SyntaxFlag {
    /// As the disassembler takes it.
    pub(crate) fn syntax(self) -> Syntax {
        match self.syntax {
            SyntaxChoice::Intel => Syntax::Intel,
            SyntaxChoice::Att => Syntax::Att,
        }
    }
}
