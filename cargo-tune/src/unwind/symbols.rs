//! What a package defines that tells one `join()` from another.
//!
//! Types are not inferred. A receiver is traced by name: through `let`, parameters, struct fields
//! and return types, to something that mentions `JoinHandle` or `spawn`, or to a type of the
//! package that has a `join` method of its own.

use std::collections::{HashMap, HashSet};

use quote_free::tokens;
use syn::visit::{self, Visit};

use super::imports::Imports;
use super::locks::POISON_METHODS;
use super::prefilter::JOIN_ERROR_METHODS;

/// What is known of a value by its type or origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A thread's handle.
    Handle,
    /// What a thread's `join()` returns.
    Result,
    /// A type of this package with its own `join`.
    Own,
    /// Neither is known.
    Unknown,
}

/// Definitions of one package.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// Types that are, or hold, a thread's handle, beside the standard library's.
    handles: HashSet<String>,
    /// Types that are, or hold, a lock that can be poisoned, beside the standard library's.
    locks: HashSet<String>,
    /// Names of the standard library's locks that are something else in this package.
    foreign: HashSet<String>,
    /// Type aliases and renamed imports, with the names in what they stand for.
    aliases: Vec<(String, Vec<String>)>,
    /// Aliases of `std::thread::Result`.
    results: HashSet<String>,
    /// Functions that return what a thread's `join()` does.
    result_functions: HashSet<String>,
    /// Other names of `std::thread`.
    pub(super) thread_modules: HashSet<String>,
    /// Other names of `std::thread::spawn`.
    pub(super) spawns: HashSet<String>,
    /// Types of statics, by name.
    statics: HashMap<String, Vec<Vec<String>>>,
    /// What the file that is being added imports.
    imports: Imports,
    /// Types with their own `fn join(self)`.
    own_join: HashSet<String>,
    /// Functions of the package that are named like one of [`super::prefilter::JOIN_ERROR_METHODS`]
    /// or [`super::locks::POISON_METHODS`].
    pub(super) own_panic_methods: HashSet<String>,
    /// Types of fields, by the field's name.
    fields: HashMap<String, Vec<Vec<String>>>,
    /// Return types, by the function's name.
    returns: HashMap<String, Vec<Vec<String>>>,
    /// Whether any file has to do with threads.
    pub(super) mentions_threads: bool,
}

impl Symbols {
    /// Adds what a file defines.
    pub(super) fn add(&mut self, file: &syn::File) {
        self.imports = Imports::default();
        let mut uses = Uses(&mut self.imports);
        uses.visit_file(file);
        let Imports {
            modules,
            spawns,
            types,
            foreign,
            ..
        } = &self.imports;
        self.foreign.extend(foreign.iter().cloned());
        self.thread_modules.extend(modules.iter().cloned());
        self.spawns.extend(spawns.iter().cloned());
        let types = types.iter().cloned();
        self.aliases
            .extend(types.map(|(alias, name)| (alias, vec![name])));
        self.visit_file(file);
    }

    /// Settles what depends on more than one file.
    pub(super) fn finish(&mut self) {
        let aliases = std::mem::take(&mut self.aliases);
        // An alias of an alias needs another round.
        let mut before = None;
        while before != Some((self.handles.len(), self.locks.len(), self.results.len())) {
            before = Some((self.handles.len(), self.locks.len(), self.results.len()));
            for (alias, names) in &aliases {
                if self.class_of_names(names) == Class::Handle {
                    self.handles.insert(alias.clone());
                }
                if self.is_lock(names) {
                    self.locks.insert(alias.clone());
                }
                if names.iter().any(|name| self.results.contains(name)) {
                    self.results.insert(alias.clone());
                }
            }
        }
        for (function, types) in &self.returns {
            let mut names = types.iter().flatten();
            if function != "join" && names.any(|name| self.results.contains(name)) {
                self.result_functions.insert(function.clone());
            }
        }
    }

    /// Whether one of the functions that return what a thread's `join()` does fits.
    pub(super) fn hands_on_a_panic(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.result_functions.iter().any(|name| fits(name))
    }

    /// Whether a type, by the names in it, is or holds a lock that can be poisoned.
    pub(super) fn is_lock(&self, names: &[String]) -> bool {
        let is_lock = |n: &String| {
            let is_named_so = n == "Mutex" || n == "RwLock";
            is_named_so && !self.foreign.contains(n) || self.locks.contains(n)
        };
        names.iter().any(is_lock)
    }

    /// Whether a field of this name is a lock.
    pub(super) fn is_lock_field(&self, name: &str) -> bool {
        self.all_locks(self.fields.get(name))
    }

    /// Whether a static of this name is a lock.
    pub(super) fn is_lock_static(&self, name: &str) -> bool {
        self.all_locks(self.statics.get(name))
    }

    /// Whether a function of this name returns a lock.
    pub(super) fn is_lock_call(&self, name: &str) -> bool {
        self.all_locks(self.returns.get(name))
    }

    fn all_locks(&self, types: Option<&Vec<Vec<String>>>) -> bool {
        types.is_some_and(|types| types.iter().all(|names| self.is_lock(names)))
    }

    /// Whether a type, by the names in it, is what a thread's `join()` returns.
    fn is_thread_result(&self, names: &[String]) -> bool {
        let mut pairs = names.iter().zip(names.iter().skip(1));
        let is_path = pairs.any(|(module, name)| {
            let is_thread = module == "thread" || self.imports.modules.contains(module);
            name == "Result" && is_thread
        });
        let is_imported = names.iter().any(|name| self.imports.results.contains(name));
        is_path || is_imported
    }

    /// Whether the package has a `join` method of its own.
    pub(super) fn has_own_join(&self) -> bool {
        !self.own_join.is_empty()
    }

    /// The class of a type, by the names in it.
    pub(super) fn class_of_names(&self, names: &[String]) -> Class {
        let is_handle =
            |n: &String| n == "JoinHandle" || n == "ScopedJoinHandle" || self.handles.contains(n);
        if names.iter().any(is_handle) {
            Class::Handle
        } else if names.iter().any(|n| self.own_join.contains(n)) {
            Class::Own
        } else {
            Class::Unknown
        }
    }

    /// Whether a type is or holds a lock.
    pub(super) fn is_lock_type(&self, ty: &syn::Type) -> bool {
        self.is_lock(&tokens(ty))
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
        let mut is_result = false;
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
            is_result = self.is_thread_result(&names) || has_any_error(ty);
            if is_result && name != "join" {
                self.result_functions.insert(name.clone());
            }
            self.returns.entry(name.clone()).or_default().push(names);
        }
        let only_self = signature.inputs.len() == 1
            && matches!(signature.inputs.first(), Some(syn::FnArg::Receiver(_)));
        if let (Some(owner), true, "join") = (owner, only_self, name.as_str()) {
            let kind = match is_result {
                true => &mut self.handles,
                false => &mut self.own_join,
            };
            kind.insert(owner.to_owned());
        }
        let is_named_like = |list: &[&str]| list.contains(&name.as_str());
        if is_named_like(JOIN_ERROR_METHODS) || is_named_like(POISON_METHODS) {
            self.own_panic_methods.insert(name);
        }
    }
}

/// Whether it is `Result<T, Box<dyn Any + Send>>`, written out.
fn has_any_error(ty: &syn::Type) -> bool {
    let syn::Type::Path(path) = ty else {
        return false;
    };
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return false;
    };
    let error = arguments.args.iter().nth(1);
    let is_any = matches!(error, Some(syn::GenericArgument::Type(error))
        if tokens(error).iter().any(|name| name == "Any"));
    last.ident == "Result" && is_any
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

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        let names = tokens(&item.ty);
        if self.is_thread_result(&names) || has_any_error(&item.ty) {
            self.results.insert(item.ident.to_string());
        }
        self.aliases.push((item.ident.to_string(), names));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let name = item.ident.to_string();
        if matches!(name.as_str(), "Mutex" | "RwLock") {
            self.foreign.insert(name);
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let types = self.statics.entry(item.ident.to_string()).or_default();
        types.push(tokens(&item.ty));
        visit::visit_item_static(self, item);
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

/// The walk over a file's `use` declarations.
struct Uses<'a>(&'a mut Imports);

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.0.add(None, &item.tree);
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
