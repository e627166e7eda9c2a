//! Which files a file declares.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, Item};

use super::cfg::{excluded, item_attributes};
use super::source::Module;

/// The files that a file declares with `mod`, `#[path]` and `include!`.
pub(super) fn submodules(module: &Module, tree: &syn::File) -> Vec<Module> {
    let mut finder = Submodules {
        beside: module.file.parent().unwrap_or(Path::new("")).to_owned(),
        directory: module.directory.clone(),
        inline: false,
        found: Vec::new(),
    };
    finder.visit_file(tree);
    finder.found
}

struct Submodules {
    /// The directory of the file itself.
    beside: PathBuf,
    /// The directory of its submodules.
    directory: PathBuf,
    /// Inside `mod x { … }`.
    inline: bool,
    found: Vec<Module>,
}

impl<'ast> Visit<'ast> for Submodules {
    fn visit_item(&mut self, item: &'ast Item) {
        if !excluded(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let path = item.attrs.iter().find_map(path_attribute);
        if item.content.is_none() {
            let base = if self.inline {
                &self.directory
            } else {
                &self.beside
            };
            self.found.push(match path {
                Some(path) => Module::at(base.join(path)),
                None => Module::named(&self.directory, name),
            });
            return;
        }
        let inner = self.directory.join(path.as_deref().unwrap_or(name));
        let outer = (std::mem::replace(&mut self.directory, inner), self.inline);
        self.inline = true;
        visit::visit_item_mod(self, item);
        (self.directory, self.inline) = outer;
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        if node.path.is_ident("include") {
            if let Ok(literal) = syn::parse2::<syn::LitStr>(node.tokens.clone()) {
                self.found
                    .push(Module::at(self.beside.join(literal.value())));
            }
            return;
        }
        // `cfg_if! { if … { mod x; } }`
        modules_in_tokens(node.tokens.clone(), &self.directory, &mut self.found);
    }
}

fn modules_in_tokens(tokens: TokenStream, directory: &Path, found: &mut Vec<Module>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for window in trees.windows(3) {
        if let [
            TokenTree::Ident(word),
            TokenTree::Ident(name),
            TokenTree::Punct(end),
        ] = window
            && word == "mod"
            && end.as_char() == ';'
        {
            found.push(Module::named(directory, &name.to_string()));
        }
    }
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            modules_in_tokens(group.stream(), directory, found);
        }
    }
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match (&pair.value, pair.path.is_ident("path")) {
        (
            Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }),
            true,
        ) => Some(text.value()),
        _ => None,
    }
}
