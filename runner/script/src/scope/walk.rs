//! Walks the statements of one function body or script, not entering functions or classes.

use swc_ecma_ast::{BlockStmt, Decl, ExprStmt, ForHead, Stmt, VarDecl, VarDeclOrExpr};

/// What a statement can hold apart from other statements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf<'a> {
    /// An expression statement.
    Expr(&'a ExprStmt),
    /// A declaration among statements.
    Decl(&'a Decl),
    /// A declaration in the head of a `for` loop.
    Head(&'a VarDecl),
}

/// Visits the leaves of a statement in source order.
pub(crate) fn walk<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(Leaf<'a>)) {
    match stmt {
        Stmt::Expr(stmt) => visit(Leaf::Expr(stmt)),
        Stmt::Decl(decl) => visit(Leaf::Decl(decl)),
        Stmt::Block(block) => walk_block(block, visit),
        Stmt::With(stmt) => walk(&stmt.body, visit),
        Stmt::Labeled(stmt) => walk(&stmt.body, visit),
        Stmt::While(stmt) => walk(&stmt.body, visit),
        Stmt::DoWhile(stmt) => walk(&stmt.body, visit),
        Stmt::If(stmt) => {
            walk(&stmt.cons, visit);
            stmt.alt.iter().for_each(|alt| walk(alt, visit));
        }
        Stmt::For(stmt) => {
            if let Some(VarDeclOrExpr::VarDecl(decl)) = &stmt.init {
                visit(Leaf::Head(decl));
            }
            walk(&stmt.body, visit);
        }
        Stmt::ForIn(stmt) => {
            walk_head(&stmt.left, visit);
            walk(&stmt.body, visit);
        }
        Stmt::ForOf(stmt) => {
            walk_head(&stmt.left, visit);
            walk(&stmt.body, visit);
        }
        Stmt::Switch(stmt) => {
            stmt.cases.iter().flat_map(|case| &case.cons).for_each(|stmt| walk(stmt, visit))
        }
        Stmt::Try(stmt) => {
            walk_block(&stmt.block, visit);
            stmt.handler.iter().for_each(|handler| walk_block(&handler.body, visit));
            stmt.finalizer.iter().for_each(|block| walk_block(block, visit));
        }
        Stmt::Empty(_)
        | Stmt::Debugger(_)
        | Stmt::Return(_)
        | Stmt::Break(_)
        | Stmt::Continue(_)
        | Stmt::Throw(_) => {}
    }
}

fn walk_block<'a>(block: &'a BlockStmt, visit: &mut dyn FnMut(Leaf<'a>)) {
    block.stmts.iter().for_each(|stmt| walk(stmt, visit));
}

fn walk_head<'a>(head: &'a ForHead, visit: &mut dyn FnMut(Leaf<'a>)) {
    match head {
        ForHead::VarDecl(decl) => visit(Leaf::Head(decl)),
        ForHead::UsingDecl(_) | ForHead::Pat(_) => {}
    }
}
