//! Which code a build with `panic = "abort"` leaves out.

use std::str::FromStr as _;

use cargo_platform::{Cfg, CfgExpr};
use syn::{Attribute, Item, Meta};

/// Whether attributes exclude the item that has them from a build that aborts on panic.
pub(super) fn excluded(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let text = format!("cfg({})", list.tokens);
            cfg_of(&text).is_some_and(|expression| evaluate(&expression) == Some(false))
        }
        meta => meta.path().segments.last().is_some_and(|last| {
            ["test", "bench", "rstest", "test_case", "quickcheck"]
                .iter()
                .any(|name| last.ident == name)
        }),
    })
}

/// The attributes of an item.
pub(super) fn item_attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::ExternCrate(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::ForeignMod(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Union(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

fn cfg_of(text: &str) -> Option<CfgExpr> {
    match cargo_platform::Platform::from_str(text).ok()? {
        cargo_platform::Platform::Cfg(expression) => Some(expression),
        cargo_platform::Platform::Name(_) => None,
    }
}

/// Three-valued: what depends on features or the platform is unknown.
fn evaluate(expression: &CfgExpr) -> Option<bool> {
    match expression {
        CfgExpr::True => Some(true),
        CfgExpr::False => Some(false),
        CfgExpr::Not(inner) => evaluate(inner).map(|value| !value),
        CfgExpr::All(list) => {
            let values: Vec<_> = list.iter().map(evaluate).collect();
            if values.contains(&Some(false)) {
                Some(false)
            } else if values.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        CfgExpr::Any(list) => {
            let values: Vec<_> = list.iter().map(evaluate).collect();
            if values.contains(&Some(true)) {
                Some(true)
            } else if values.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        CfgExpr::Value(Cfg::Name(name)) => {
            matches!(name.as_str(), "test" | "doctest" | "doc" | "miri" | "loom").then_some(false)
        }
        CfgExpr::Value(Cfg::KeyPair(name, value)) => {
            (name.as_str() == "panic").then_some(value == "abort")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(attribute: &str) -> bool {
        let item: syn::ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
        excluded(&item.attrs)
    }

    #[test]
    fn only_what_certainly_is_left_out_is_excluded() {
        assert!(excludes("#[cfg(test)]"));
        assert!(excludes("#[cfg(all(test, feature = \"x\"))]"));
        assert!(excludes("#[test]"));
        assert!(excludes("#[tokio::test]"));
        assert!(excludes("#[cfg(panic = \"unwind\")]"));
        assert!(excludes("#[cfg(not(panic = \"abort\"))]"));
        assert!(!excludes("#[cfg(not(test))]"));
        assert!(!excludes("#[cfg(any(test, feature = \"x\"))]"));
        assert!(!excludes("#[cfg(windows)]"));
        assert!(!excludes("#[inline]"));
    }
}
