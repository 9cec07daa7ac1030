//! Cells that run at once: their declarations become those of a classic script.

use swc_common::Spanned;
use swc_ecma_ast::{ClassDecl, Decl, ExprStmt, ModuleItem, Stmt, VarDecl, VarDeclKind};

use super::objects::Objects;
use crate::PositionMap;
use crate::edits::{Edits, Layer};
use crate::parse::{Items, range};

/// Makes lexical declarations at top level into variables, which later cells can declare again.
pub(crate) fn globalize(items: Items<'_>, objects: &Objects, mut edits: Edits<'_>) -> (String, PositionMap) {
    match items {
        Items::Script(stmts) => stmts.iter().for_each(|stmt| edit(stmt, objects, &mut edits)),
        Items::Module(items) => items.iter().for_each(|item| match item {
            ModuleItem::Stmt(stmt) => edit(stmt, objects, &mut edits),
            // A cell with one of these is never plain.
            ModuleItem::ModuleDecl(_) => {}
        }),
    }
    edits.write(&[], "")
}

fn edit(stmt: &Stmt, objects: &Objects, edits: &mut Edits<'_>) {
    match stmt {
        Stmt::Expr(stmt) if objects.contains(stmt) => drop_value(stmt, edits),
        Stmt::Decl(Decl::Var(decl)) => edit_variables(decl, edits),
        Stmt::Decl(Decl::Class(class)) => edit_class(class, edits),
        _ => {}
    }
}

/// Makes an expression part of a declaration, which has no value, and without reading the one of the expression.
fn drop_value(stmt: &ExprStmt, edits: &mut Edits<'_>) {
    let value = range(stmt.expr.span());
    edits.open(Layer::Statement, value.start..value.start, value.end, "var {} = [");
    edits.close(Layer::Statement, value.start, value.end, "]");
}

fn edit_variables(decl: &VarDecl, edits: &mut Edits<'_>) {
    let whole = range(decl.span);
    match decl.kind {
        VarDeclKind::Var => return,
        VarDeclKind::Let => edits.same(whole.start..whole.start + "let".len(), "var"),
        VarDeclKind::Const => edits.same(whole.start..whole.start + "const".len(), "var  "),
    }
    reset_uninitialized(decl, edits);
    if decl.decls.last().is_some_and(|last| last.init.is_none()) {
        terminate(decl, edits);
    }
}

/// Gives `undefined` to what a `let` declares without a value.
pub(super) fn reset_uninitialized(decl: &VarDecl, edits: &mut Edits<'_>) {
    for declarator in decl.decls.iter().filter(|declarator| declarator.init.is_none()) {
        let at = range(declarator.span);
        edits.close(Layer::Expression, at.start, at.end, " = void 0");
    }
}

/// Ends a declaration with `;` where only a line end did, so that the next line cannot continue it.
pub(super) fn terminate(decl: &VarDecl, edits: &mut Edits<'_>) {
    let whole = range(decl.span);
    if !edits.text()[whole.clone()].ends_with(';') {
        edits.close(Layer::Statement, whole.start, whole.end, ";");
    }
}

fn edit_class(class: &ClassDecl, edits: &mut Edits<'_>) {
    let whole = range(class.class.span);
    edits.open(Layer::Statement, whole.start..whole.start, whole.end, format!("var {} = ", class.ident.sym));
    edits.close(Layer::Statement, whole.start, whole.end, ";");
}
