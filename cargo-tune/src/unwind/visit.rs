//! The walk over one parsed file.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Item, Token};

use super::cfg::{excluded, item_attributes};
use super::prefilter::{FUNCTIONS, JOIN_ERROR_METHODS};
use super::symbols::{Class, Symbols, type_name};
use super::tokens::{for_each_ident, joins};
use super::{Evidence, Parsed};

/// Methods that look at whether a `Result` is an error.
pub(super) const INSPECTORS: &[&str] = &[
    "is_err",
    "is_err_and",
    "is_ok",
    "is_ok_and",
    "err",
    "ok",
    "map_err",
    "or_else",
    "or",
    "unwrap_or",
    "unwrap_or_else",
    "unwrap_or_default",
    "map_or",
    "map_or_else",
    "expect_err",
    "unwrap_err",
    "inspect_err",
    "and_then",
];

/// Everything in `file` that relies on unwinding.
pub(super) fn evidence(file: &Parsed, symbols: &Symbols) -> Vec<Evidence> {
    let mut walk = Walk {
        file,
        symbols,
        found: Vec::new(),
        scopes: vec![HashMap::new()],
        results: vec![HashMap::new()],
        owner: None,
    };
    walk.visit_file(&file.tree);
    walk.found
}

struct Walk<'a> {
    file: &'a Parsed,
    symbols: &'a Symbols,
    found: Vec<Evidence>,
    /// Variables by name, innermost function last.
    scopes: Vec<HashMap<String, Class>>,
    /// Variables that hold what a `join()` returned, with whose it was.
    results: Vec<HashMap<String, Class>>,
    /// The type of the enclosing `impl`.
    owner: Option<String>,
}

impl Walk<'_> {
    fn hit(&mut self, line: usize, what: impl Into<String>) {
        self.found.push(Evidence {
            file: self.file.path.clone(),
            line,
            what: what.into(),
        });
    }

    fn lookup(&self, name: &str) -> Class {
        let known = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        known.copied().unwrap_or(Class::Unknown)
    }

    fn bind(&mut self, name: String, class: Class) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, class);
        }
    }

    /// What an expression is, by name.
    fn class_of(&self, expr: &Expr) -> Class {
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
                Class::Unknown => self.class_of(&call.receiver),
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

    fn class_of_owner(&self) -> Class {
        match &self.owner {
            Some(owner) => self.symbols.class_of_names(std::slice::from_ref(owner)),
            None => Class::Unknown,
        }
    }

    /// A path that is called or built: `thread::spawn`, `Worker::new`, `Worker`.
    fn class_of_path(&self, path: &syn::Path) -> Class {
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
    fn joined(&self, expr: &Expr) -> Option<(usize, Class)> {
        match expr {
            Expr::MethodCall(call) if call.method == "join" && call.args.is_empty() => Some((
                call.method.span().start().line,
                self.class_of(&call.receiver),
            )),
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

    /// Records a `join()` whose error somebody looks at, unless it is a type's own `join`.
    fn inspected(&mut self, expr: &Expr) {
        if let Some((line, class)) = self.joined(expr) {
            self.judge(line, class);
        }
    }

    fn judge(&mut self, line: usize, class: Class) {
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
    fn bind_pattern(&mut self, pattern: &syn::Pat, class: Class) {
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

    fn in_function(
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
    fn scan_tokens(&mut self, tokens: TokenStream) {
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

/// Whether a pattern tells `Err` from `Ok`.
fn tells_error(pattern: &syn::Pat) -> bool {
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

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !excluded(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Fn(function) => &function.attrs,
            syn::ImplItem::Const(constant) => &constant.attrs,
            syn::ImplItem::Macro(mac) => &mac.attrs,
            _ => &Vec::new(),
        };
        if !excluded(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if !excluded(&item.attrs) {
            self.in_function(&item.sig.inputs, |walk| {
                visit::visit_trait_item_fn(walk, item)
            });
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.owner, type_name(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.in_function(&item.sig.inputs, |walk| visit::visit_item_fn(walk, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.in_function(&item.sig.inputs, |walk| {
            visit::visit_impl_item_fn(walk, item)
        });
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if excluded(&local.attrs) {
            return;
        }
        if let Some(init) = &local.init {
            if tells_error(&local.pat) {
                self.inspected(&init.expr);
            }
            let class = self.class_of(&init.expr);
            self.bind_pattern(&local.pat, class);
            let name = match &local.pat {
                syn::Pat::Ident(ident) => Some(&ident.ident),
                syn::Pat::Type(typed) => match &*typed.pat {
                    syn::Pat::Ident(ident) => Some(&ident.ident),
                    _ => None,
                },
                _ => None,
            };
            if let Some(name) = name {
                let joined = self.joined(&init.expr);
                if let Some(results) = self.results.last_mut() {
                    match joined {
                        Some((_, class)) => results.insert(name.to_string(), class),
                        None => results.remove(&name.to_string()),
                    };
                }
            }
        } else {
            self.bind_pattern(&local.pat, Class::Unknown);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        let class = self.class_of(&node.expr);
        self.bind_pattern(&node.pat, class);
        visit::visit_expr_for_loop(self, node);
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        if excluded(&node.attrs) {
            return;
        }
        if node.arms.iter().any(|arm| tells_error(&arm.pat)) {
            self.inspected(&node.expr);
        }
        let class = self.class_of(&node.expr);
        for arm in &node.arms {
            self.bind_pattern(&arm.pat, class);
        }
        visit::visit_expr_match(self, node);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !excluded(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_expr_let(&mut self, node: &'ast syn::ExprLet) {
        if tells_error(&node.pat) {
            self.inspected(&node.expr);
        }
        let class = self.class_of(&node.expr);
        self.bind_pattern(&node.pat, class);
        visit::visit_expr_let(self, node);
    }

    fn visit_expr_try(&mut self, node: &'ast syn::ExprTry) {
        self.inspected(&node.expr);
        visit::visit_expr_try(self, node);
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        // `.map(|h| h.join())` hands the result on; only a certain handle counts.
        if let Some((line, Class::Handle)) = self.joined(&node.body) {
            self.judge(line, Class::Handle);
        }
        visit::visit_expr_closure(self, node);
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        if excluded(&node.attrs) {
            return;
        }
        let name = node.method.to_string();
        let line = node.method.span().start().line;
        if INSPECTORS.contains(&name.as_str()) {
            self.inspected(&node.receiver);
        }
        if FUNCTIONS.contains(&name.as_str()) {
            self.hit(line, format!("`.{name}()`"));
        }
        if JOIN_ERROR_METHODS.contains(&name.as_str())
            && node.args.is_empty()
            && !self.symbols.own_panic_methods.contains(&name)
        {
            self.hit(line, format!("`.{name}()` of a task's `JoinError`"));
        }
        // `handles.into_iter().map(|h| …)`: the parameter is what the iterator holds.
        let class = self.class_of(&node.receiver);
        for argument in &node.args {
            if let Expr::Closure(closure) = argument {
                for input in &closure.inputs {
                    self.bind_pattern(input, class);
                }
            }
        }
        if name == "push"
            && let (Expr::Path(path), Some(argument)) = (&*node.receiver, node.args.first())
        {
            let class = self.class_of(argument);
            if let (Some(ident), true) = (path.path.get_ident(), class != Class::Unknown) {
                self.bind(ident.to_string(), class);
            }
        }
        visit::visit_expr_method_call(self, node);
    }

    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        if let Some(last) = node.path.segments.last() {
            let name = last.ident.to_string();
            let line = last.ident.span().start().line;
            if FUNCTIONS.contains(&name.as_str()) {
                self.hit(line, format!("`{name}`"));
            }
            let of_join_error = node.path.segments.iter().any(|s| s.ident == "JoinError");
            if JOIN_ERROR_METHODS.contains(&name.as_str()) && of_join_error {
                self.hit(line, format!("`JoinError::{name}`"));
            }
        }
        visit::visit_expr_path(self, node);
    }

    fn visit_expr_block(&mut self, node: &'ast syn::ExprBlock) {
        if !excluded(&node.attrs) {
            visit::visit_expr_block(self, node);
        }
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        if !excluded(&node.attrs) {
            visit::visit_expr_call(self, node);
        }
    }

    fn visit_use_rename(&mut self, node: &'ast syn::UseRename) {
        let name = node.ident.to_string();
        if FUNCTIONS.contains(&name.as_str()) && node.rename != "_" {
            let line = node.ident.span().start().line;
            self.hit(line, format!("`{name}` imported as `{}`", node.rename));
        }
    }

    fn visit_stmt_macro(&mut self, node: &'ast syn::StmtMacro) {
        if !excluded(&node.attrs) {
            visit::visit_stmt_macro(self, node);
        }
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.segments.last().map(|s| s.ident.to_string());
        if name.as_deref().is_some_and(|n| n.ends_with("matches")) {
            self.visit_matches(node);
            return;
        }
        let tokens = &node.tokens;
        let as_list = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(list) = as_list.parse2(tokens.clone()) {
            // The tree lives only here, so its lifetime cannot be the file's.
            Walk::visit_list(self, &list);
        } else if let Ok(statements) = syn::Block::parse_within.parse2(tokens.clone()) {
            for statement in &statements {
                Walk::visit_owned_stmt(self, statement);
            }
        } else {
            self.scan_tokens(tokens.clone());
        }
    }
}

impl Walk<'_> {
    fn visit_list(&mut self, list: &Punctuated<Expr, Token![,]>) {
        for expr in list {
            self.visit_expr(expr);
        }
    }

    fn visit_owned_stmt(&mut self, statement: &syn::Stmt) {
        self.visit_stmt(statement);
    }

    /// `matches!(expression, pattern)`
    fn visit_matches(&mut self, node: &syn::Macro) {
        let parser = |input: syn::parse::ParseStream<'_>| {
            let expr: Expr = input.parse()?;
            input.parse::<Token![,]>()?;
            let pattern = syn::Pat::parse_multi_with_leading_vert(input)?;
            input.parse::<TokenStream>()?;
            Ok((expr, pattern))
        };
        match parser.parse2(node.tokens.clone()) {
            Ok((expr, pattern)) => {
                if tells_error(&pattern) {
                    self.inspected(&expr);
                }
                self.visit_expr(&expr);
            }
            Err(_) => self.scan_tokens(node.tokens.clone()),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
