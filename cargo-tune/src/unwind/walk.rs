//! What the walk over a file knows of the names in scope: which of them are threads' handles, and
//! which hold what a `join()` returned.

use std::collections::{HashMap, HashSet};

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use super::locks::{LOCKING, SAME};
use super::prefilter::FUNCTIONS;
use super::source::{Evidence, Parsed, Reliance};
use super::symbols::{Class, Symbols};
use super::tokens::{for_each_ident, joins};

/// Methods of a `Result` that give another one with the same error.
const KEEP_THE_ERROR: &[&str] = &[
    "and",
    "as_deref",
    "as_deref_mut",
    "as_mut",
    "as_ref",
    "cloned",
    "copied",
    "inspect",
    "map",
];

/// The walk over one file: what is known of the names in scope, and what was found.
pub(super) struct Walk<'a> {
    pub(super) file: &'a Parsed,
    pub(super) symbols: &'a Symbols,
    pub(super) found: Vec<Evidence>,
    /// Variables by name, innermost function last.
    pub(super) scopes: Vec<HashMap<String, Class>>,
    /// Variables that hold what a `join()` returned, with whose it was.
    pub(super) results: Vec<HashMap<String, Class>>,
    /// Variables that are locks.
    pub(super) locks: Vec<HashSet<String>>,
    /// The type of the enclosing `impl`.
    pub(super) owner: Option<String>,
}

impl Walk<'_> {
    /// Records code that no longer works in a program that aborts.
    pub(super) fn hit(&mut self, line: usize, what: impl Into<String>) {
        self.record(line, what.into(), Reliance::Breaks);
    }

    /// Records code that asks for something that is never so in a program that aborts.
    pub(super) fn doubt(&mut self, line: usize, what: impl Into<String>) {
        self.record(line, what.into(), Reliance::Destructor);
    }

    /// Records code that handles a poisoned lock.
    pub(super) fn poison(&mut self, line: usize) {
        self.record(line, "a poisoned lock is handled".into(), Reliance::Poison);
    }

    fn record(&mut self, line: usize, what: String, reliance: Reliance) {
        self.found.push(Evidence {
            file: self.file.path.clone(),
            line,
            what,
            reliance,
        });
    }

    pub(super) fn lookup(&self, name: &str) -> Class {
        let known = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        known.copied().unwrap_or(Class::Unknown)
    }

    pub(super) fn bind(&mut self, name: String, class: Class) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, class);
        }
    }

    /// What an expression is, by name.
    pub(super) fn class_of(&self, expr: &Expr) -> Class {
        match expr {
            Expr::Path(path) => match path.path.get_ident() {
                Some(ident) if ident == "self" => self.class_of_owner(),
                Some(ident) => match self.lookup(&ident.to_string()) {
                    Class::Unknown => self.symbols.class_of_names(&[ident.to_string()]),
                    known => known,
                },
                None => self.class_of_path(&path.path),
            },
            Expr::Field(field) => match &field.member {
                syn::Member::Named(name) => self.symbols.class_of_field(&name.to_string()),
                syn::Member::Unnamed(_) => self.class_of(&field.base),
            },
            Expr::MethodCall(call) if call.method == "spawn" || call.method == "spawn_scoped" => {
                Class::Handle
            }
            Expr::MethodCall(call) => match self.symbols.class_of_call(&call.method.to_string()) {
                Class::Unknown => self.class_of_chain(call),
                known => known,
            },
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => {
                    let inner = call
                        .args
                        .first()
                        .map_or(Class::Unknown, |a| self.class_of(a));
                    match self.class_of_path(&path.path) {
                        Class::Unknown => inner,
                        known => known,
                    }
                }
                _ => Class::Unknown,
            },
            Expr::Struct(built) => self.class_of_path(&built.path),
            Expr::Reference(inner) => self.class_of(&inner.expr),
            Expr::Paren(inner) => self.class_of(&inner.expr),
            Expr::Try(inner) => self.class_of(&inner.expr),
            Expr::Unary(inner) => self.class_of(&inner.expr),
            Expr::Index(inner) => self.class_of(&inner.expr),
            Expr::Block(block) => match block.block.stmts.last() {
                Some(syn::Stmt::Expr(expr, None)) => self.class_of(expr),
                _ => Class::Unknown,
            },
            Expr::Array(array) => array
                .elems
                .first()
                .map_or(Class::Unknown, |e| self.class_of(e)),
            Expr::Closure(closure) => self.class_of(&closure.body),
            Expr::Macro(mac) => {
                let mut spawns = false;
                for_each_ident(mac.mac.tokens.clone(), &mut |name, _| {
                    spawns |= name == "spawn"
                });
                if spawns {
                    Class::Handle
                } else {
                    Class::Unknown
                }
            }
            _ => Class::Unknown,
        }
    }

    /// What a chain such as `(0..3).map(|_| thread::spawn(f)).collect()` is made of: what its
    /// closures make, else what it starts from.
    fn class_of_chain(&self, call: &syn::ExprMethodCall) -> Class {
        let closures = call.args.iter().filter(|a| matches!(a, Expr::Closure(_)));
        let made = closures.map(|closure| self.class_of(closure));
        let known = made.into_iter().find(|class| *class != Class::Unknown);
        known.unwrap_or_else(|| self.class_of(&call.receiver))
    }

    pub(super) fn class_of_owner(&self) -> Class {
        match &self.owner {
            Some(owner) => self.symbols.class_of_names(std::slice::from_ref(owner)),
            None => Class::Unknown,
        }
    }

    /// A path that is called or built: `thread::spawn`, `Worker::new`, `Worker`.
    pub(super) fn class_of_path(&self, path: &syn::Path) -> Class {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let spawns = |n: &String| n == "spawn" || self.symbols.spawns.contains(n);
        if names.last().is_some_and(spawns) {
            return Class::Handle;
        }
        if names.iter().any(|n| n == "Self") {
            return self.class_of_owner();
        }
        match self.symbols.class_of_names(&names) {
            Class::Unknown => names
                .last()
                .map_or(Class::Unknown, |n| self.symbols.class_of_call(n)),
            known => known,
        }
    }

    /// If `expr` is what a `join()` returned: where, and of what.
    pub(super) fn joined(&self, expr: &Expr) -> Option<(usize, Class)> {
        match expr {
            Expr::MethodCall(call) if call.method == "join" && call.args.is_empty() => Some((
                call.method.span().start().line,
                self.class_of(&call.receiver),
            )),
            Expr::MethodCall(call) if self.symbols.hands_on_a_panic(|name| call.method == name) => {
                Some((call.method.span().start().line, Class::Result))
            }
            Expr::Call(call) => match handle_join(&call.func) {
                Some(line) => Some((line, Class::Handle)),
                None => Some((self.handed_on(&call.func)?, Class::Result)),
            },
            Expr::Await(inner) => self.joined(&inner.base),
            Expr::Paren(inner) => self.joined(&inner.expr),
            Expr::Reference(inner) => self.joined(&inner.expr),
            Expr::Path(path) => {
                let name = path.path.get_ident()?;
                let class = self
                    .results
                    .iter()
                    .rev()
                    .find_map(|scope| scope.get(&name.to_string()))?;
                Some((name.span().start().line, *class))
            }
            Expr::MethodCall(call)
                if KEEP_THE_ERROR.contains(&call.method.to_string().as_str()) =>
            {
                self.joined(&call.receiver)
            }
            _ => None,
        }
    }

    /// The line of a call to a function that returns what a thread's `join()` does.
    fn handed_on(&self, function: &Expr) -> Option<usize> {
        let Expr::Path(path) = function else {
            return None;
        };
        let last = &path.path.segments.last()?.ident;
        let is_such = self.symbols.hands_on_a_panic(|name| last == name);
        is_such.then(|| last.span().start().line)
    }

    /// Whether an expression is a lock that can be poisoned.
    fn is_lock(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Path(path) => {
                let names = path.path.segments.iter().map(|s| s.ident.to_string());
                let names: Vec<String> = names.collect();
                let [name] = names.as_slice() else {
                    let last = names.last();
                    return last.is_some_and(|name| self.symbols.is_lock_static(name));
                };
                let is_local = self.locks.iter().rev().any(|scope| scope.contains(name));
                is_local || self.symbols.is_lock_static(name)
            }
            Expr::Field(field) => match &field.member {
                syn::Member::Named(name) => self.symbols.is_lock_field(&name.to_string()),
                syn::Member::Unnamed(_) => self.is_lock(&field.base),
            },
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                let is_same = SAME.contains(&name.as_str()) && self.is_lock(&call.receiver);
                is_same || self.symbols.is_lock_call(&name)
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else {
                    return false;
                };
                let names = path.path.segments.iter().map(|s| s.ident.to_string());
                let names: Vec<String> = names.collect();
                let makes = self.symbols.is_lock(&names);
                let returns = names.last().is_some_and(|n| self.symbols.is_lock_call(n));
                makes || returns || call.args.iter().any(|argument| self.is_lock(argument))
            }
            Expr::Reference(inner) => self.is_lock(&inner.expr),
            Expr::Paren(inner) => self.is_lock(&inner.expr),
            Expr::Unary(inner) => self.is_lock(&inner.expr),
            Expr::Index(inner) => self.is_lock(&inner.expr),
            _ => false,
        }
    }

    /// If an expression locks something that can be poisoned: where.
    fn locked(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                if KEEP_THE_ERROR.contains(&name.as_str()) {
                    return self.locked(&call.receiver);
                }
                let locks = LOCKING.contains(&name.as_str()) && call.args.is_empty();
                (locks && self.is_lock(&call.receiver)).then(|| call.method.span().start().line)
            }
            Expr::Paren(inner) => self.locked(&inner.expr),
            Expr::Reference(inner) => self.locked(&inner.expr),
            _ => None,
        }
    }

    /// Marks the names of a pattern as locks.
    pub(super) fn bind_locks(&mut self, pattern: &syn::Pat, is_lock: bool) {
        match pattern {
            syn::Pat::Ident(ident) => {
                let name = ident.ident.to_string();
                if let Some(scope) = self.locks.last_mut() {
                    match is_lock {
                        true => scope.insert(name),
                        false => scope.remove(&name),
                    };
                }
            }
            syn::Pat::Type(typed) => {
                let is_lock = is_lock || self.symbols.is_lock_type(&typed.ty);
                self.bind_locks(&typed.pat, is_lock);
            }
            syn::Pat::Reference(inner) => self.bind_locks(&inner.pat, is_lock),
            syn::Pat::TupleStruct(inner) => {
                for pattern in &inner.elems {
                    self.bind_locks(pattern, is_lock);
                }
            }
            _ => {}
        }
    }

    /// As [`Self::bind_locks`], of what an expression gives.
    pub(super) fn bind_locks_of(&mut self, pattern: &syn::Pat, expr: &Expr) {
        let is_lock = self.is_lock(expr);
        self.bind_locks(pattern, is_lock);
    }

    /// Records a `join()` whose error the code looks at, unless it is a type's own `join`; and the
    /// poisoned lock that it looks at.
    pub(super) fn inspected(&mut self, expr: &Expr) {
        if let Some((line, class)) = self.joined(expr) {
            self.judge(line, class);
        } else if let Some(line) = self.locked(expr) {
            self.poison(line);
        }
    }

    /// Records a `join()` whose result the code drops.
    pub(super) fn dropped(&mut self, expr: &Expr) {
        if let Some((line, class)) = self.joined(expr)
            && self.is_of_thread(class)
        {
            let what = "the result of a thread's `.join()` is dropped";
            self.record(line, what.into(), Reliance::GoesOn);
        }
    }

    pub(super) fn judge(&mut self, line: usize, class: Class) {
        if self.is_of_thread(class) {
            let what = match class {
                Class::Result => "the `Err` of a `thread::Result` is looked at",
                _ => "the `Err` of a thread's `.join()` is looked at",
            };
            self.hit(line, what);
        }
    }

    /// Whether a `join()` of a receiver of this class is a thread's.
    fn is_of_thread(&self, class: Class) -> bool {
        match class {
            Class::Handle | Class::Result => true,
            Class::Own => false,
            // Not traced: a package that has a `join` of its own and a file without threads
            // mean that one; a package without either means a dependency's handle or nothing.
            Class::Unknown if self.symbols.has_own_join() => self.file.mentions_threads,
            Class::Unknown => self.symbols.mentions_threads,
        }
    }

    /// Pattern names bound to a value of one class.
    pub(super) fn bind_pattern(&mut self, pattern: &syn::Pat, class: Class) {
        match pattern {
            syn::Pat::Ident(ident) => self.bind(ident.ident.to_string(), class),
            syn::Pat::Type(typed) => {
                let class = match self.symbols.class_of_type(&typed.ty) {
                    Class::Unknown => class,
                    known => known,
                };
                self.bind_pattern(&typed.pat, class);
            }
            syn::Pat::Reference(inner) => self.bind_pattern(&inner.pat, class),
            syn::Pat::TupleStruct(inner) => {
                for pattern in &inner.elems {
                    self.bind_pattern(pattern, class);
                }
            }
            syn::Pat::Tuple(inner) => {
                for pattern in &inner.elems {
                    self.bind_pattern(pattern, class);
                }
            }
            _ => {}
        }
    }

    pub(super) fn in_function(
        &mut self,
        inputs: &Punctuated<syn::FnArg, Token![,]>,
        walk: impl FnOnce(&mut Self),
    ) {
        self.scopes.push(HashMap::new());
        self.results.push(HashMap::new());
        self.locks.push(HashSet::new());
        for input in inputs {
            if let syn::FnArg::Typed(typed) = input {
                let class = self.symbols.class_of_type(&typed.ty);
                self.bind_pattern(&typed.pat, class);
                let is_lock = self.symbols.is_lock_type(&typed.ty);
                self.bind_locks(&typed.pat, is_lock);
            }
        }
        walk(self);
        self.scopes.pop();
        self.results.pop();
        self.locks.pop();
    }

    /// A macro body that is not made of expressions, statements or items.
    pub(super) fn scan_tokens(&mut self, tokens: TokenStream) {
        let mut hits: Vec<(usize, String)> = Vec::new();
        for_each_ident(tokens.clone(), &mut |name, line| {
            if FUNCTIONS.contains(&name) {
                hits.push((line, format!("`{name}` in a macro")));
            }
        });
        for (line, what) in hits {
            self.hit(line, what);
        }
        let mut lines = Vec::new();
        joins(tokens, &mut lines);
        for line in lines {
            self.judge(line, Class::Unknown);
        }
    }
}

/// The line of `JoinHandle::join` as a path.
pub(super) fn handle_join(function: &Expr) -> Option<usize> {
    let Expr::Path(path) = function else {
        return None;
    };
    let mut names = path.path.segments.iter().rev().map(|s| &s.ident);
    let (join, of) = (names.next()?, names.next()?);
    let is_handle = of == "JoinHandle" || of == "ScopedJoinHandle";
    (join == "join" && is_handle).then(|| join.span().start().line)
}

/// Whether a pattern tells `Err` from `Ok`.
pub(super) fn tells_error(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::TupleStruct(inner) => inner
            .path
            .segments
            .last()
            .is_some_and(|s| s.ident == "Err" || s.ident == "Ok"),
        syn::Pat::Or(list) => list.cases.iter().any(tells_error),
        syn::Pat::Paren(inner) => tells_error(&inner.pat),
        syn::Pat::Reference(inner) => tells_error(&inner.pat),
        syn::Pat::Ident(ident) => ident.subpat.as_ref().is_some_and(|(_, p)| tells_error(p)),
        syn::Pat::Tuple(list) => list.elems.iter().any(tells_error),
        _ => false,
    }
}
