//! One call of the workspace that keeps much of a dependency.

use super::super::{model::Finding, references::References};
use crate::graph::{FIRST, Keep, Kept, Node};
use codecost::{attribution::Origin, front::quoted, report::short_name, units::Bytes};

/// The function of a dependency that retains most, of those that one function of the workspace
/// alone refers to.
pub(super) fn find(
    references: &References<'_, '_>,
    kept: &Kept,
    artifact_flags: &str,
) -> Option<Finding> {
    let graph = &references.graph;
    let back = graph.edges.reversed();
    let origin = |node: u32| references.label(node).origin;
    let is_code = |node: u32| matches!(graph.node(node), Node::Function(_));
    let theirs = |node: &u32| {
        let other = matches!(origin(*node), Origin::Registry | Origin::Git | Origin::Path);
        other && is_code(*node) && graph.is_reached(*node)
    };
    let only_user = |node: u32| {
        let users = back.of(node).iter().copied();
        let mut users = users.filter(|user| *user >= FIRST && graph.is_reached(*user));
        match (users.next(), users.next()) {
            (Some(user), None) if origin(user) == Origin::Workspace && is_code(user) => Some(user),
            _ => None,
        }
    };
    let all = (FIRST..graph.sizes.len() as u32).filter(theirs);
    let lone = all.filter_map(|node| Some((kept.of(graph, node), node, only_user(node)?)));
    let sure = |keep: &Keep| keep.retained.shipped().saturating_sub(keep.uncertain);
    let (keep, node, user) =
        lone.max_by_key(|(keep, node, _)| (sure(keep), std::cmp::Reverse(*node)))?;
    let bytes = sure(&keep);
    let (name, by) = (references.name(node), references.name(user));
    let label = references.label(node);
    let of = label.package.as_deref().unwrap_or(&label.name);
    // Names of generic functions fill lines; the command has the whole of it.
    let short = short_name(&name, label.as_name());
    let user_short = short_name(&by, references.label(user).as_name());
    Some(Finding {
        code: "kept-by-one-call",
        title: format!("only `{user_short}` uses `{short}` of `{of}`"),
        bytes,
        evidence: vec![
            format!("nothing but `{by}` refers to it"),
            format!(
                "{} of its own, {} of code and data that go with it; the rest is their tables",
                Bytes(keep.own.own()),
                Bytes(keep.retained.linked())
            ),
        ],
        command: format!("cargo slim why {} {artifact_flags}", quoted(&name)),
    })
}
