//! The objects that enums and namespaces become.
//!
//! SWC's code for one adds to the object of that name if there is one, which is right for two declarations in one
//! cell. The first one in a cell replaces what an earlier cell declared, so there the code is made to begin anew.
//! The code may be an expression; unlike other expressions it is not the cell's result.

use std::ops::Range;

use swc_common::Spanned;
use swc_ecma_ast::{BinaryOp, CallExpr, Callee, Decl, Expr, ExprStmt, ModuleDecl, ModuleItem, Pat, Stmt};

use crate::edits::Edits;
use crate::parse::{Items, range};
use crate::scope::{Kind, Names};

/// Where the objects of a cell are made.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// The statements that are expressions.
    statements: Vec<Range<usize>>,
    /// The beginnings of `E || {}` where `E` is none of this cell's.
    earlier: Vec<Range<usize>>,
}

impl Objects {
    /// Finds the objects of these names, which are those of enums and namespaces.
    pub(super) fn find(items: Items<'_>, names: &Names<'_>, objects: &[String]) -> Objects {
        // A namespace adds to a function or a class of the same cell.
        let is_open = |name: &&String| names.kind(name).is_none_or(|kind| kind == Kind::Var);
        let open = objects.iter().filter(is_open).map(String::as_str).collect();
        let mut finder = Finder { objects, open, found: Objects::default() };
        match items {
            Items::Script(stmts) => stmts.iter().for_each(|stmt| finder.visit(stmt)),
            Items::Module(items) => items.iter().for_each(|item| match item {
                ModuleItem::Stmt(stmt) => finder.visit(stmt),
                ModuleItem::ModuleDecl(ModuleDecl::ExportDecl(export)) => finder.visit_decl(&export.decl),
                ModuleItem::ModuleDecl(_) => {}
            }),
        }
        finder.found
    }

    /// Makes the first code for each object begin anew.
    pub(super) fn forget_earlier(&self, edits: &mut Edits<'_>) {
        self.earlier.iter().for_each(|range| edits.blank(range.clone(), ' '));
    }

    /// Whether a statement makes an object.
    pub(super) fn contains(&self, stmt: &ExprStmt) -> bool {
        self.statements.contains(&range(stmt.span))
    }
}

struct Finder<'a> {
    objects: &'a [String],
    /// The names whose first object is still to come.
    open: Vec<&'a str>,
    found: Objects,
}

impl Finder<'_> {
    fn visit(&mut self, stmt: &Stmt) {
        match stmt {
            // (function (N) { … })(N || (N = {}));
            Stmt::Expr(stmt) if self.visit_object(&stmt.expr) => {
                self.found.statements.push(range(stmt.span));
            }
            Stmt::Decl(decl) => self.visit_decl(decl),
            _ => {}
        }
    }

    /// `var E = function (E) { … }(E || {});`
    fn visit_decl(&mut self, decl: &Decl) {
        let Decl::Var(decl) = decl else { return };
        for value in decl.decls.iter().filter_map(|declarator| declarator.init.as_ref()) {
            self.visit_object(value);
        }
    }

    /// Visits what may be the code for an object; tells whether it is.
    fn visit_object(&mut self, expr: &Expr) -> bool {
        let Expr::Call(call) = expr else { return false };
        let Some(name) = object(call).filter(|name| self.objects.iter().any(|object| object == name)) else {
            return false;
        };
        let is_first = self.open.contains(&name);
        self.open.retain(|open| *open != name);
        if let (true, [argument]) = (is_first, call.args.as_slice())
            && let Expr::Bin(either) = &*argument.expr
            && either.op == BinaryOp::LogicalOr
        {
            self.found.earlier.push(range(either.left.span()).start..range(either.right.span()).start);
        }
        true
    }
}

/// The name of the object that a call of a function makes.
fn object(call: &CallExpr) -> Option<&str> {
    let Callee::Expr(callee) = &call.callee else { return None };
    let callee = match &**callee {
        Expr::Paren(paren) => &paren.expr,
        _ => callee,
    };
    let Expr::Fn(function) = &**callee else { return None };
    match function.function.params.as_slice() {
        [parameter] => match &parameter.pat {
            Pat::Ident(name) => Some(&name.id.sym),
            _ => None,
        },
        _ => None,
    }
}
