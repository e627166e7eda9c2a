//! Locks that a panic poisons: the calls that tell, and what hands a poisoned lock on.

use syn::Expr;

/// Methods that only tell something where a thread has panicked.
pub(super) const POISON_METHODS: &[&str] = &["is_poisoned", "clear_poison"];

/// Methods of a lock whose `Err` is a poisoned lock. `try_lock` is not one of them: it has another
/// error, too.
pub(super) const LOCKING: &[&str] = &["lock", "read", "write", "into_inner", "get_mut"];

/// Methods of a condition variable, whose `Err` is a poisoned lock.
const WAITING: &[&str] = &["wait", "wait_while", "wait_timeout", "wait_timeout_while"];

/// Methods that give the same value, or one of those in a collection.
pub(super) const SAME: &[&str] = &[
    "as_mut", "as_ref", "borrow", "clone", "deref", "expect", "first", "get", "iter", "iter_mut",
    "last", "take", "to_owned", "unwrap", "values",
];

/// Whether it is `x.lock().unwrap_or_else(|e| e.into_inner())`, of any receiver.
pub(super) fn takes_poisoned(call: &syn::ExprMethodCall) -> bool {
    let Expr::MethodCall(inner) = &*call.receiver else {
        return false;
    };
    let method = inner.method.to_string();
    let (Some(Expr::Closure(closure)), true) = (
        call.args.first(),
        LOCKING.contains(&method.as_str()) || WAITING.contains(&method.as_str()),
    ) else {
        return false;
    };
    let body = match &*closure.body {
        Expr::Block(block) => match block.block.stmts.last() {
            Some(syn::Stmt::Expr(expr, None)) => expr,
            _ => return false,
        },
        body => body,
    };
    let (Some(syn::Pat::Ident(parameter)), Expr::MethodCall(taken)) =
        (closure.inputs.first(), body)
    else {
        return false;
    };
    let is_parameter = matches!(&*taken.receiver, Expr::Path(path)
        if path.path.is_ident(&parameter.ident));
    call.method == "unwrap_or_else" && taken.method == "into_inner" && is_parameter
}
