//! The walk over one parsed file: what relies on unwinding.

use std::collections::{HashMap, HashSet};

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Item, Token};

use super::cfg::{excluded, item_attributes};
use super::locks::{POISON_METHODS, takes_poisoned};
use super::prefilter::{FUNCTIONS, JOIN_ERROR_METHODS};
use super::source::{Evidence, Parsed};
use super::symbols::{Class, Symbols, type_name};
use super::tokens::INSPECTORS;
use super::walk::{Walk, handle_join, tells_error};

/// Everything in `file` that relies on unwinding.
pub(super) fn evidence(file: &Parsed, symbols: &Symbols) -> Vec<Evidence> {
    let mut walk = Walk {
        file,
        symbols,
        found: Vec::new(),
        scopes: vec![HashMap::new()],
        results: vec![HashMap::new()],
        locks: vec![HashSet::new()],
        owner: None,
    };
    walk.visit_file(&file.tree);
    walk.found
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
            if is_unused(&local.pat) {
                self.dropped(&init.expr);
            }
            let class = self.class_of(&init.expr);
            self.bind_pattern(&local.pat, class);
            self.bind_locks_of(&local.pat, &init.expr);
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
            self.bind_locks(&local.pat, false);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        // A result is empty if it is an error.
        self.inspected(&node.expr);
        let class = self.class_of(&node.expr);
        self.bind_pattern(&node.pat, class);
        self.bind_locks_of(&node.pat, &node.expr);
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
        self.bind_locks_of(&node.pat, &node.expr);
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
        let is_poison_method = POISON_METHODS.contains(&name.as_str())
            && node.args.is_empty()
            && !self.symbols.own_panic_methods.contains(&name);
        if is_poison_method || takes_poisoned(node) {
            self.poison(line);
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
        for argument in &node.args {
            // `.map(JoinHandle::join)` hands the results on, and `.push(handle.join())` keeps one.
            if let Some(line) = handle_join(argument) {
                self.judge(line, Class::Handle);
            } else if let Some((line, Class::Handle)) = self.joined(argument) {
                self.judge(line, Class::Handle);
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
            let mut names = node.path.segments.iter();
            let is_import = node.path.segments.len() == 1 && self.file.mentions_threads;
            let is_thread = |s: &syn::PathSegment| {
                let name = s.ident.to_string();
                name == "thread" || self.symbols.thread_modules.contains(&name)
            };
            if name == "panicking" && (is_import || names.any(is_thread)) {
                self.doubt(line, "`thread::panicking()`");
            }
            let of_poison = |s: &syn::PathSegment| s.ident == "PoisonError";
            if node.path.segments.len() > 1 && node.path.segments.iter().any(of_poison) {
                self.poison(line);
            }
            let of_join_error = node.path.segments.iter().any(|s| s.ident == "JoinError");
            if JOIN_ERROR_METHODS.contains(&name.as_str()) && of_join_error {
                self.hit(line, format!("`JoinError::{name}`"));
            }
        }
        visit::visit_expr_path(self, node);
    }

    fn visit_pat_tuple_struct(&mut self, node: &'ast syn::PatTupleStruct) {
        if let Some(last) = node.path.segments.last()
            && matches!(last.ident.to_string().as_str(), "Poisoned" | "PoisonError")
        {
            let names = node.path.segments.iter();
            let of_lock = names.rev().nth(1).is_none_or(|s| s.ident == "TryLockError");
            if of_lock {
                self.poison(last.ident.span().start().line);
            }
        }
        visit::visit_pat_tuple_struct(self, node);
    }

    fn visit_expr_assign(&mut self, node: &'ast syn::ExprAssign) {
        if matches!(&*node.left, Expr::Infer(_)) {
            self.dropped(&node.right);
        }
        visit::visit_expr_assign(self, node);
    }

    fn visit_stmt(&mut self, node: &'ast syn::Stmt) {
        // A `join()` that is no thread's may return nothing, so that only a certain handle counts.
        if let syn::Stmt::Expr(expr, Some(_)) = node
            && matches!(self.joined(expr), Some((_, Class::Handle)))
        {
            self.dropped(expr);
        }
        visit::visit_stmt(self, node);
    }

    fn visit_expr_block(&mut self, node: &'ast syn::ExprBlock) {
        if !excluded(&node.attrs) {
            visit::visit_expr_block(self, node);
        }
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        if !excluded(&node.attrs) {
            if let (Expr::Path(path), Some(argument)) = (&*node.func, node.args.first())
                && path.path.segments.last().is_some_and(|s| s.ident == "drop")
            {
                self.dropped(argument);
            }
            visit::visit_expr_call(self, node);
        }
    }

    fn visit_use_rename(&mut self, node: &'ast syn::UseRename) {
        let name = node.ident.to_string();
        if FUNCTIONS.contains(&name.as_str()) && node.rename != "_" {
            let line = node.ident.span().start().line;
            self.hit(line, format!("`{name}` imported as `{}`", node.rename));
        }
        if name == "panicking" && node.rename != "_" {
            let line = node.ident.span().start().line;
            self.doubt(line, format!("`{name}` imported as `{}`", node.rename));
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

/// `_`, or a name that says that it is not used.
fn is_unused(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(ident) => ident.ident.to_string().starts_with('_'),
        _ => false,
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
