//! Where a crate comes from.

use std::fmt;

/// Where a crate, or code that is no crate's, comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A member of the workspace.
    Workspace,
    /// A package registry.
    Registry,
    /// A git repository.
    Git,
    /// A path dependency outside the workspace, or a vendored copy.
    Path,
    /// core, alloc, std, proc_macro, test and their runtime crates.
    Std,
    /// A crate that std itself depends on, in std's own version.
    StdDependency,
    /// C, C++ or assembly.
    Native,
    /// The operating system's kernel (samples only).
    Kernel,
    /// The kernel's page of user code (samples only).
    Vdso,
    /// Code made at run time (samples only).
    Jit,
    /// What the linker itself writes: headers, tables, padding.
    Linker,
    /// No evidence.
    Unknown,
}

impl Origin {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Registry => "registry",
            Self::Git => "git",
            Self::Path => "path",
            Self::Std => "std",
            Self::StdDependency => "std-dependency",
            Self::Native => "native",
            Self::Kernel => "kernel",
            Self::Vdso => "vdso",
            Self::Jit => "jit",
            Self::Linker => "linker",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
