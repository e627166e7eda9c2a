//! What the walk over a file knows of the names in scope: which of them are threads' handles, and
//! which hold what a `join()` returned.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use super::prefilter::FUNCTIONS;
use super::source::{Evidence, Parsed};
use super::symbols::{Class, Symbols};
use super::tokens::{for_each_ident, joins};

/// The walk over one file: what is known of the names in scope, and what was found.
pub(super) struct Walk<'a> {
    pub(super) file: &'a Parsed,
    pub(super) symbols: &'a Symbols,
    pub(super) found: Vec<Evidence>,
    /// Variables by name, innermost function last.
    pub(super) scopes: Vec<HashMap<String, Class>>,
    /// Variables that hold what a `join()` returned, with whose it was.
    pub(super) results: Vec<HashMap<String, Class>>,
    /// The type of the enclosing `impl`.
    pub(super) owner: Option<String>,
}

impl Walk<'_> {
    /// Records code that no longer works in a program that aborts.
    pub(super) fn hit(&mut self, line: usize, what: impl Into<String>) {
        self.record(line, what.into(), true);
    }

    /// Records code that asks for something that is never so in a program that aborts.
    pub(super) fn doubt(&mut self, line: usize, what: impl Into<String>) {
        self.record(line, what.into(), false);
    }

    fn record(&mut self, line: usize, what: String, blocks: bool) {
        self.found.push(Evidence {
            file: self.file.path.clone(),
            line,
            what,
            blocks,
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
        if names.last().is_some_and(|n| n == "spawn") {
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
            Expr::Call(call) => Some((handle_join(&call.func)?, Class::Handle)),
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
                if matches!(call.method.to_string().as_str(), "as_ref" | "as_mut")
                    && call.args.is_empty() =>
            {
                self.joined(&call.receiver)
            }
            _ => None,
        }
    }

    /// Records a `join()` whose error the code looks at, unless it is a type's own `join`.
    pub(super) fn inspected(&mut self, expr: &Expr) {
        if let Some((line, class)) = self.joined(expr) {
            self.judge(line, class);
        }
    }

    pub(super) fn judge(&mut self, line: usize, class: Class) {
        let relies = match class {
            Class::Handle => true,
            Class::Own => false,
            // Not traced: a package that has a `join` of its own and a file without threads
            // mean that one; a package without either means a dependency's handle or nothing.
            Class::Unknown if self.symbols.has_own_join() => self.file.mentions_threads,
            Class::Unknown => self.symbols.mentions_threads,
        };
        if relies {
            self.hit(line, "the `Err` of a thread's `.join()` is looked at");
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
        for input in inputs {
            if let syn::FnArg::Typed(typed) = input {
                let class = self.symbols.class_of_type(&typed.ty);
                self.bind_pattern(&typed.pat, class);
            }
        }
        walk(self);
        self.scopes.pop();
        self.results.pop();
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
