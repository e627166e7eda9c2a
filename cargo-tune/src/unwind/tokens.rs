//! Macro bodies that are no Rust: tokens only.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

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

/// Calls `act` for every identifier, with its line.
pub(super) fn for_each_ident(tokens: TokenStream, act: &mut impl FnMut(&str, usize)) {
    for tree in tokens {
        match tree {
            TokenTree::Ident(ident) => act(&ident.to_string(), ident.span().start().line),
            TokenTree::Group(group) => for_each_ident(group.stream(), act),
            _ => {}
        }
    }
}

/// `.join()` followed by a method that looks at the error.
pub(super) fn joins(tokens: TokenStream, lines: &mut Vec<usize>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for window in trees.windows(5) {
        let [dot, join, arguments, second, method] = window else {
            continue;
        };
        let is_dot = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == '.' && p.spacing() == Spacing::Alone);
        let empty = matches!(arguments, TokenTree::Group(g)
            if g.delimiter() == Delimiter::Parenthesis && g.stream().is_empty());
        let inspects = matches!(method, TokenTree::Ident(i)
            if INSPECTORS.contains(&i.to_string().as_str()));
        if let TokenTree::Ident(ident) = join
            && ident == "join"
            && is_dot(dot)
            && empty
            && is_dot(second)
            && inspects
        {
            lines.push(ident.span().start().line);
        }
    }
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            joins(group.stream(), lines);
        }
    }
}
