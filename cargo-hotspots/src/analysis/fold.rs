//! Stacks as people read them: what starts the program or a thread is left out, and recursion is
//! shown once.
//!
//! A run of functions that repeats itself at once (`quicksort` in `quicksort`, or `visit` and `walk`
//! in turn) is one run. Every function that is on the stack stays on the path, so that nothing
//! becomes narrower than it is; a recursion that takes another way each time stays as it is.
//!
//! What starts a program is known by name, from the root inward: the functions of libc, of
//! `std::rt` and of `std::thread` that lead to `main` or to a thread's closure. A stack that does not
//! begin there is left whole.

use crate::symbols::{FunctionId, Symbols};
use codecost::attribution::Origin;

/// Longer runs of different functions are no simple recursion.
const PERIOD: usize = 8;

/// Something on a path that stands for a function.
pub trait OfFunction {
    /// The function.
    fn function(&self) -> FunctionId;
}

impl OfFunction for FunctionId {
    fn function(&self) -> FunctionId {
        *self
    }
}

/// Adds `step` at the inner end of `path`, unless it completes a repetition: then the second run
/// goes. Near-constant time.
pub fn push<T: OfFunction>(path: &mut Vec<T>, step: T) {
    path.push(step);
    let same = |one: &T, other: &T| one.function() == other.function();
    for period in 1..=PERIOD.min(path.len() / 2) {
        let (rest, last) = path.split_at(path.len() - period);
        let before = &rest[rest.len() - period..];
        if before.iter().zip(last).all(|(one, other)| same(one, other)) {
            path.truncate(path.len() - period);
            return;
        }
    }
}

/// Which functions start a program or thread.
#[derive(Clone, Debug)]
pub struct StartUp(Vec<Role>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A stack may begin with it.
    Root,
    /// It leads on.
    Passes,
    /// C's `main`, which is start-up where std's follows.
    Main,
    Other,
}

impl StartUp {
    /// Judges all functions by their names. Linear.
    pub fn of(symbols: &Symbols) -> Self {
        let functions = symbols.functions.iter();
        let roles = functions.map(|function| {
            let owner = symbols.crates.get(function.owner.0 as usize);
            let system = owner.is_some_and(|owner| owner.system);
            let native = owner.is_none_or(|owner| {
                matches!(
                    owner.origin,
                    Origin::Native | Origin::Unknown | Origin::Linker
                )
            });
            match function.name.as_str() {
                "main" => Role::Main,
                name if (system || native) && is_root(name) => Role::Root,
                name if system && passes(name) => Role::Passes,
                _ => Role::Other,
            }
        });
        Self(roles.collect())
    }

    /// Whether a function is one of them.
    pub fn has(&self, function: FunctionId) -> bool {
        !matches!(self.role(function), Role::Other | Role::Main)
    }

    fn role(&self, function: FunctionId) -> Role {
        let role = self.0.get(function.0 as usize);
        role.copied().unwrap_or(Role::Other)
    }

    /// How many functions at the outer end of a stack only start it. `path` is outermost first.
    pub fn count(&self, path: impl Iterator<Item = FunctionId>) -> usize {
        let mut count = 0;
        let mut main = false;
        for (at, function) in path.enumerate() {
            match self.role(function) {
                Role::Root => {}
                // A stack may begin with it, too, where libc has no unwind tables.
                Role::Main if !main => {
                    main = true;
                    continue;
                }
                Role::Passes if at > 0 => {}
                _ => break,
            }
            count = at + 1;
        }
        count
    }
}

fn is_root(name: &str) -> bool {
    let plain = name.split('@').next().unwrap_or(name);
    let plain = plain.trim_start_matches('_');
    matches!(
        plain,
        "start"
            | "libc_start_main"
            | "libc_start_main_impl"
            | "libc_start_call_main"
            | "libc_start_main_stage2"
            | "libc_init_first"
            | "clone"
            | "clone3"
            | "GI___clone"
            | "GI___clone3"
            | "start_thread"
            | "pthread_start"
            | "thread_start"
    )
}

fn passes(name: &str) -> bool {
    const STARTS: [&str; 8] = [
        "std::rt::lang_start",
        "std::panicking::try",
        "std::panicking::catch_unwind",
        "std::panic::catch_unwind",
        "std::sys::backtrace::__rust_begin_short_backtrace",
        "std::sys_common::backtrace::__rust_begin_short_backtrace",
        "std::thread::",
        "__rust_try",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
        || (name.starts_with("std::sys") || name.starts_with("<std::sys"))
            && name.contains("thread_start")
        || name.contains("core::ops::function::FnOnce")
        || name.starts_with("core::ops::function::")
        || name.contains("AssertUnwindSafe")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::Fixture;

    fn folded(path: &[u32]) -> Vec<u32> {
        let mut folded = Vec::new();
        for function in path {
            push(&mut folded, FunctionId(*function));
        }
        folded.into_iter().map(|function| function.0).collect()
    }

    #[test]
    fn a_recursion_is_shown_once() {
        assert_eq!(folded(&[1, 2, 2, 2, 3]), [1, 2, 3]);
        assert_eq!(folded(&[1, 2, 3, 2, 3, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(folded(&[1, 2, 3, 2, 3, 2, 4]), [1, 2, 3, 2, 4]);
        assert_eq!(folded(&[1, 2, 2, 3, 2, 2, 3]), [1, 2, 3]);
        assert_eq!(folded(&[]), [] as [u32; 0]);
        // Another way each time: nothing is lost.
        assert_eq!(folded(&[1, 2, 1, 3, 1]), [1, 2, 1, 3, 1]);
    }

    #[test]
    fn what_only_starts_the_program_is_counted_from_the_root() {
        let mut fixture = Fixture::new();
        let libc = fixture.krate("[libc]", Origin::Native, true);
        let std = fixture.krate("std", Origin::Std, true);
        let core = fixture.krate("core", Origin::Std, true);
        let native = fixture.krate("[native]", Origin::Native, false);
        let app = fixture.krate("app", Origin::Workspace, false);
        let start = fixture.function("_start", native);
        let call_main = fixture.function("__libc_start_call_main", libc);
        let c_main = fixture.function("main", native);
        let lang = fixture.function("std::rt::lang_start::<()>::{closure#0}", std);
        let once = fixture.function("<fn() as core::ops::function::FnOnce<()>>::call_once", core);
        let main = fixture.function("app::main", app);
        let thread = fixture.function("std::thread::Builder::spawn_unchecked_::{closure#1}", std);
        let clone = fixture.function("__clone3", libc);
        let malloc = fixture.function("malloc", libc);
        let start_up = StartUp::of(&fixture.symbols);
        let count = |path: &[FunctionId]| start_up.count(path.iter().copied());
        assert_eq!(
            count(&[start, call_main, c_main, lang, once, main, once]),
            5
        );
        assert_eq!(count(&[clone, thread, main]), 2);
        assert_eq!(count(&[c_main, lang, main]), 2);
        // A C program's own main is no start-up.
        assert_eq!(count(&[start, call_main, c_main, malloc]), 2);
        // A stack that was cut begins anywhere.
        assert_eq!(count(&[once, main]), 0);
        assert_eq!(count(&[main, malloc]), 0);
        assert!(start_up.has(lang) && !start_up.has(c_main) && !start_up.has(main));
    }
}
