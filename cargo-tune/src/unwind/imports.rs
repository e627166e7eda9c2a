//! What `use` declarations of a file call the things of `std::thread`, and type aliases.

use std::collections::HashSet;

use syn::UseTree;

/// The names under which a file knows them, beside their own.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Of the module `std::thread`.
    pub(super) modules: HashSet<String>,
    /// Of the type `std::thread::Result`.
    pub(super) results: HashSet<String>,
    /// Of `std::thread::spawn`.
    pub(super) spawns: HashSet<String>,
    /// Names of the standard library's locks that are another crate's here.
    pub(super) foreign: HashSet<String>,
    /// Of other types, with the original's name.
    pub(super) types: Vec<(String, String)>,
}

impl Imports {
    /// Adds what one tree imports; `module` is the name before it.
    pub(super) fn add(&mut self, module: Option<&str>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.add(Some(&path.ident.to_string()), &path.tree),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(module, tree);
                }
            }
            UseTree::Name(name) => self.name(module, &name.ident.to_string(), None),
            UseTree::Rename(rename) => {
                let alias = rename.rename.to_string();
                self.name(module, &rename.ident.to_string(), Some(alias));
            }
            UseTree::Glob(_) => {}
        }
    }

    fn name(&mut self, module: Option<&str>, name: &str, alias: Option<String>) {
        let name = if name == "self" {
            module.unwrap_or(name)
        } else {
            name
        };
        if name == "Result" && module == Some("thread") {
            self.results
                .insert(alias.unwrap_or_else(|| name.to_owned()));
            return;
        }
        // A file lock, for example, has errors of its own.
        let is_own = matches!(module, None | Some("sync" | "super" | "crate" | "self"));
        if alias.is_none() && !is_own && matches!(name, "Mutex" | "RwLock") {
            self.foreign.insert(name.to_owned());
        }
        let Some(alias) = alias else { return };
        match name {
            "thread" => self.modules.insert(alias),
            "spawn" => self.spawns.insert(alias),
            _ => {
                self.types.push((alias, name.to_owned()));
                true
            }
        };
    }
}
