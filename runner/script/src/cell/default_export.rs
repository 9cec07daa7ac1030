//! `export default` in a cell: its value is a candidate for the cell's result.

use swc_common::Spanned;
use swc_ecma_ast::{ClassDecl, DefaultDecl, ExportDefaultDecl, ExportDefaultExpr};

use super::wrapped::Body;
use crate::edits::Layer;
use crate::parse::range;

/// `export default 1`
pub(super) fn expression(body: &mut Body<'_>, export: &ExportDefaultExpr) {
    let (whole, value) = (range(export.span), range(export.expr.span()));
    body.assign_result(whole.start..value.start, value.end, &export.expr);
}

/// `export default class {}` and `export default function () {}`, with or without a name.
pub(super) fn declaration(body: &mut Body<'_>, export: &ExportDefaultDecl) {
    let start = range(export.span).start;
    match &export.decl {
        DefaultDecl::Class(class) => {
            let whole = range(class.class.span);
            match &class.ident {
                Some(ident) => {
                    body.edits.blank(start..whole.start, ' ');
                    let (ident, class) = (ident.clone(), class.class.clone());
                    body.edit_class(&ClassDecl { ident, declare: false, class });
                }
                None => anonymous(body, start..whole.start, whole.end),
            }
        }
        DefaultDecl::Fn(function) => {
            let whole = range(function.function.span);
            match &function.ident {
                Some(_) => {
                    body.edits.blank(start..whole.start, ' ');
                    body.edits.move_to_end(whole);
                }
                None => anonymous(body, start..whole.start, whole.end),
            }
        }
        DefaultDecl::TsInterfaceDecl(_) => {}
    }
}

fn anonymous(body: &mut Body<'_>, opening: std::ops::Range<usize>, end: usize) {
    let start = opening.start;
    body.edits.open(Layer::Statement, opening, end, format!("{} = (0, ", body.result));
    body.edits.close(Layer::Statement, start, end, ");");
}
