//! Reads patterns: the names they bind or the targets they assign to.

use std::ops::Range;

use swc_ecma_ast::{Expr, Ident, ObjectPatProp, Pat, SimpleAssignTarget};

use crate::parse::range;

/// Visits the names that a binding pattern declares.
pub(crate) fn bound<'a>(pattern: &'a Pat, visit: &mut dyn FnMut(&'a Ident)) {
    each(pattern, &mut |name| match name {
        Name::Ident(ident) | Name::Property(ident) => visit(ident),
        Name::Expr(_) => {}
    });
}

/// An identifier that an assignment pattern writes to.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    pub(crate) range: Range<usize>,
    /// Whether the identifier is also the property's key, as in `{ x } = y`.
    pub(crate) is_shorthand: bool,
}

/// Visits the identifiers that an assignment pattern writes to.
pub(crate) fn targets<'a>(pattern: &'a Pat, visit: &mut dyn FnMut(Target<'a>)) {
    each(pattern, &mut |name| match name {
        Name::Ident(ident) => visit(Target::of(ident)),
        Name::Property(ident) => visit(Target { is_shorthand: true, ..Target::of(ident) }),
        Name::Expr(expr) => identifier(expr).into_iter().for_each(|ident| visit(Target::of(ident))),
    });
}

/// The identifier that an assignment without pattern writes to.
pub(crate) fn simple_target(target: &SimpleAssignTarget) -> Option<Target<'_>> {
    match target {
        SimpleAssignTarget::Ident(binding) => Some(Target::of(&binding.id)),
        SimpleAssignTarget::Paren(paren) => identifier(&paren.expr).map(Target::of),
        // Properties; types are gone, and were no targets that can be constant.
        _ => None,
    }
}

/// The identifier that an expression is, parentheses aside.
pub(crate) fn identifier(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Ident(ident) => Some(ident),
        Expr::Paren(paren) => identifier(&paren.expr),
        _ => None,
    }
}

impl<'a> Target<'a> {
    pub(crate) fn of(ident: &'a Ident) -> Target<'a> {
        Target { name: &ident.sym, range: range(ident.span), is_shorthand: false }
    }
}

enum Name<'a> {
    Ident(&'a Ident),
    Property(&'a Ident),
    Expr(&'a Expr),
}

fn each<'a>(pattern: &'a Pat, visit: &mut dyn FnMut(Name<'a>)) {
    match pattern {
        Pat::Ident(binding) => visit(Name::Ident(&binding.id)),
        Pat::Array(array) => array.elems.iter().flatten().for_each(|element| each(element, visit)),
        Pat::Rest(rest) => each(&rest.arg, visit),
        Pat::Assign(assign) => each(&assign.left, visit),
        Pat::Expr(expr) => visit(Name::Expr(expr)),
        Pat::Object(object) => object.props.iter().for_each(|property| match property {
            ObjectPatProp::KeyValue(pair) => each(&pair.value, visit),
            ObjectPatProp::Assign(short) => visit(Name::Property(&short.key.id)),
            ObjectPatProp::Rest(rest) => each(&rest.arg, visit),
        }),
        Pat::Invalid(_) => {}
    }
}
