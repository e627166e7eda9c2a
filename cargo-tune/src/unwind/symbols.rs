//! What a package defines that tells one `join()` from another.
//!
//! Types are not inferred. A receiver is traced by name: through `let`, parameters, struct fields
//! and return types, to something that mentions `JoinHandle` or `spawn`, or to a type of the
//! package that has a `join` method of its own.

use std::collections::{HashMap, HashSet};

use quote_free::tokens;
use syn::visit::{self, Visit};

/// What is known of a value by its type or origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A thread's handle.
    Handle,
    /// A type of this package with its own `join`.
    Own,
    /// Neither is known.
    Unknown,
}

/// Definitions of one package.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// Types with their own `fn join(self)`.
    own_join: HashSet<String>,
    /// Whether the package defines a function with one of [`super::prefilter::JOIN_ERROR_METHODS`].
    pub(super) own_panic_methods: HashSet<String>,
    /// Types of fields, by the field's name.
    fields: HashMap<String, Vec<Vec<String>>>,
    /// Return types, by the function's name.
    returns: HashMap<String, Vec<Vec<String>>>,
    /// Whether any file has to do with threads.
    pub(super) mentions_threads: bool,
}

impl Symbols {
    /// Whether the package has a `join` method of its own.
    pub(super) fn has_own_join(&self) -> bool {
        !self.own_join.is_empty()
    }

    /// The class of a type, by the names in it.
    pub(super) fn class_of_names(&self, names: &[String]) -> Class {
        if names
            .iter()
            .any(|n| n == "JoinHandle" || n == "ScopedJoinHandle")
        {
            Class::Handle
        } else if names.iter().any(|n| self.own_join.contains(n)) {
            Class::Own
        } else {
            Class::Unknown
        }
    }

    /// The class of a type.
    pub(super) fn class_of_type(&self, ty: &syn::Type) -> Class {
        self.class_of_names(&tokens(ty))
    }

    fn first_known(&self, candidates: Option<&Vec<Vec<String>>>) -> Class {
        candidates
            .into_iter()
            .flatten()
            .map(|names| self.class_of_names(names))
            .find(|class| *class != Class::Unknown)
            .unwrap_or(Class::Unknown)
    }

    /// The class of a field.
    pub(super) fn class_of_field(&self, name: &str) -> Class {
        self.first_known(self.fields.get(name))
    }

    /// The class of what a function returns.
    pub(super) fn class_of_call(&self, name: &str) -> Class {
        self.first_known(self.returns.get(name))
    }

    fn signature(&mut self, owner: Option<&str>, signature: &syn::Signature) {
        let name = signature.ident.to_string();
        if let syn::ReturnType::Type(_, ty) = &signature.output {
            let names: Vec<String> = tokens(ty)
                .into_iter()
                .map(|n| {
                    if n == "Self" {
                        owner.unwrap_or("Self").to_owned()
                    } else {
                        n
                    }
                })
                .collect();
            self.returns.entry(name.clone()).or_default().push(names);
        }
        let only_self = signature.inputs.len() == 1
            && matches!(signature.inputs.first(), Some(syn::FnArg::Receiver(_)));
        if let (Some(owner), true, "join") = (owner, only_self, name.as_str()) {
            self.own_join.insert(owner.to_owned());
        }
        if super::prefilter::JOIN_ERROR_METHODS.contains(&name.as_str()) {
            self.own_panic_methods.insert(name);
        }
    }
}

/// The last name of a type's path.
pub(super) fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        syn::Type::Paren(inner) => type_name(&inner.elem),
        syn::Type::Group(inner) => type_name(&inner.elem),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Symbols {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = type_name(&item.self_ty);
        for inner in &item.items {
            if let syn::ImplItem::Fn(function) = inner {
                self.signature(owner.as_deref(), &function.sig);
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        for inner in &item.items {
            if let syn::TraitItem::Fn(function) = inner {
                self.signature(Some(&item.ident.to_string()), &function.sig);
            }
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.signature(None, &item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.fields
                .entry(name.to_string())
                .or_default()
                .push(tokens(&field.ty));
        }
        visit::visit_field(self, field);
    }
}

/// Names inside a type, without a dependency on `quote`.
mod quote_free {
    use syn::visit::{self, Visit};

    struct Names(Vec<String>);

    impl<'ast> Visit<'ast> for Names {
        fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
            self.0.push(ident.to_string());
        }

        fn visit_type_macro(&mut self, node: &'ast syn::TypeMacro) {
            visit::visit_type_macro(self, node);
        }
    }

    /// All identifiers in a type.
    pub(super) fn tokens(ty: &syn::Type) -> Vec<String> {
        let mut names = Names(Vec::new());
        names.visit_type(ty);
        names.0
    }
}
