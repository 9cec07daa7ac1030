//! Makes assignments to constants throw.
//!
//! A cell's `const` becomes a property of the global object, which V8 lets anyone assign to. So where
//! such a name is assigned to and not shadowed, it is replaced by a property whose setter throws. The
//! rest of the assignment stays as it is: its right side is still evaluated first, `||=` still
//! assigns only sometimes, and what ends or continues the statement is the same.

use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::pattern::{Target, identifier, simple_target};
use super::{Leaf, bound, targets, walk};
use crate::edits::{Edits, Layer};
use crate::parse::Cell;

/// Rewrites the assignments in a cell to names for which `is_constant` holds.
pub(crate) fn guard_constants(cell: &Cell, is_constant: &dyn Fn(&str) -> bool, edits: &mut Edits<'_>) {
    let mut guard = Guard { is_constant, scopes: Vec::new(), edits };
    match cell {
        Cell::Module(module) => module.visit_with(&mut guard),
        Cell::Script(script) => script.visit_with(&mut guard),
    }
}

struct Guard<'a, 't> {
    is_constant: &'a dyn Fn(&str) -> bool,
    /// The constants' names that enclosing scopes declare anew, innermost last.
    scopes: Vec<Vec<String>>,
    edits: &'a mut Edits<'t>,
}

impl Guard<'_, '_> {
    fn hits(&self, name: &str) -> bool {
        (self.is_constant)(name) && !self.scopes.iter().flatten().any(|shadow| shadow == name)
    }

    /// Visits `node` in a scope that `declare` fills.
    fn scoped<N: VisitWith<Self>>(&mut self, node: &N, declare: impl FnOnce(&mut dyn FnMut(&Ident))) {
        let mut scope = Vec::new();
        declare(&mut |ident| {
            if (self.is_constant)(&ident.sym) {
                scope.push(ident.sym.to_string());
            }
        });
        self.scopes.push(scope);
        node.visit_children_with(self);
        self.scopes.pop();
    }

    fn guard_targets(&mut self, pattern: &Pat) {
        targets(pattern, &mut |target| self.guard_target(&target, false));
    }

    fn guard_target(&mut self, target: &Target<'_>, is_read: bool) {
        if !self.hits(target.name) {
            return;
        }
        let place = place(target.name, is_read);
        let text = if target.is_shorthand { format!("{}: {place}", target.name) } else { place };
        self.edits.open(Layer::Expression, target.range.clone(), target.range.end, text);
    }
}

/// Names that sloppy code may declare but class bodies, which are strict, cannot mention.
const RESERVED_IN_CLASSES: &[&str] =
    &["implements", "interface", "let", "package", "private", "protected", "public", "static", "yield"];

/// A property that cannot be assigned to; if it `is_read`, it has the value of the constant.
///
/// V8 throws its own error, whatever the cell has made of `TypeError`. The class begins with a word
/// and not with a bracket, which could continue the line before.
fn place(name: &str, is_read: bool) -> String {
    let get = if is_read && !RESERVED_IN_CLASSES.contains(&name) {
        format!("get x() {{ return {name} }} ")
    } else {
        String::new()
    };
    format!("new class {{ {get}set x(_) {{ const x = 0; x = 1 }} }}().x")
}

/// Visits the names that belong to the block of these statements.
pub(crate) fn declare_lexical<'a>(
    stmts: impl IntoIterator<Item = &'a Stmt>,
    declare: &mut dyn FnMut(&Ident),
) {
    for stmt in stmts {
        match stmt {
            Stmt::Decl(Decl::Var(decl)) if decl.kind != VarDeclKind::Var => declare_variables(decl, declare),
            Stmt::Decl(Decl::Class(class)) => declare(&class.ident),
            Stmt::Decl(Decl::Fn(function)) => declare(&function.ident),
            Stmt::Decl(Decl::Using(using)) => {
                using.decls.iter().for_each(|decl| bound(&decl.name, &mut |ident| declare(ident)));
            }
            _ => {}
        }
    }
}

fn declare_hoisted(stmts: &[Stmt], declare: &mut dyn FnMut(&Ident)) {
    for stmt in stmts {
        walk(stmt, &mut |leaf| match leaf {
            Leaf::Decl(Decl::Var(decl)) if decl.kind == VarDeclKind::Var => declare_variables(decl, declare),
            Leaf::Head(decl) if decl.kind == VarDeclKind::Var => declare_variables(decl, declare),
            Leaf::Decl(_) | Leaf::Head(_) | Leaf::Expr(_) => {}
        });
    }
}

fn declare_variables(decl: &VarDecl, declare: &mut dyn FnMut(&Ident)) {
    decl.decls.iter().for_each(|decl| bound(&decl.name, &mut |ident| declare(ident)));
}

fn declare_head(head: &ForHead, declare: &mut dyn FnMut(&Ident)) {
    match head {
        ForHead::VarDecl(decl) if decl.kind != VarDeclKind::Var => declare_variables(decl, declare),
        ForHead::UsingDecl(using) => {
            using.decls.iter().for_each(|decl| bound(&decl.name, &mut |ident| declare(ident)));
        }
        ForHead::VarDecl(_) | ForHead::Pat(_) => {}
    }
}

impl Visit for Guard<'_, '_> {
    fn visit_assign_expr(&mut self, node: &AssignExpr) {
        match &node.left {
            AssignTarget::Simple(simple) => {
                if let Some(target) = simple_target(simple) {
                    self.guard_target(&target, node.op != AssignOp::Assign);
                }
            }
            AssignTarget::Pat(pattern) => self.guard_targets(&Pat::from(pattern.clone())),
        }
        node.visit_children_with(self);
    }

    fn visit_update_expr(&mut self, node: &UpdateExpr) {
        if let Some(ident) = identifier(&node.arg) {
            self.guard_target(&Target::of(ident), true);
        }
        node.visit_children_with(self);
    }

    fn visit_for_in_stmt(&mut self, node: &ForInStmt) {
        if let ForHead::Pat(pattern) = &node.left {
            self.guard_targets(pattern);
        }
        self.scoped(node, |declare| declare_head(&node.left, declare));
    }

    fn visit_for_of_stmt(&mut self, node: &ForOfStmt) {
        if let ForHead::Pat(pattern) = &node.left {
            self.guard_targets(pattern);
        }
        self.scoped(node, |declare| declare_head(&node.left, declare));
    }

    fn visit_for_stmt(&mut self, node: &ForStmt) {
        self.scoped(node, |declare| match &node.init {
            Some(VarDeclOrExpr::VarDecl(decl)) if decl.kind != VarDeclKind::Var => {
                declare_variables(decl, declare);
            }
            _ => {}
        });
    }

    fn visit_function(&mut self, node: &Function) {
        self.scoped(node, |declare| {
            node.params.iter().for_each(|param| bound(&param.pat, &mut |ident| declare(ident)));
        });
    }

    fn visit_arrow_expr(&mut self, node: &ArrowExpr) {
        self.scoped(node, |declare| {
            node.params.iter().for_each(|param| bound(param, &mut |ident| declare(ident)));
        });
    }

    fn visit_constructor(&mut self, node: &Constructor) {
        self.scoped(node, |declare| {
            for param in &node.params {
                if let ParamOrTsParamProp::Param(param) = param {
                    bound(&param.pat, &mut |ident| declare(ident));
                }
            }
        });
    }

    fn visit_function_body(&mut self, node: &FunctionBody) {
        self.scoped(node, |declare| {
            declare_lexical(&node.stmts, declare);
            declare_hoisted(&node.stmts, declare);
        });
    }

    fn visit_static_block(&mut self, node: &StaticBlock) {
        self.scoped(node, |declare| declare_hoisted(&node.body.stmts, declare));
    }

    fn visit_block_stmt(&mut self, node: &BlockStmt) {
        self.scoped(node, |declare| declare_lexical(&node.stmts, declare));
    }

    fn visit_switch_stmt(&mut self, node: &SwitchStmt) {
        self.scoped(node, |declare| {
            node.cases.iter().for_each(|case| declare_lexical(&case.cons, declare));
        });
    }

    fn visit_catch_clause(&mut self, node: &CatchClause) {
        self.scoped(node, |declare| {
            node.param.iter().for_each(|param| bound(param, &mut |ident| declare(ident)));
        });
    }

    fn visit_fn_expr(&mut self, node: &FnExpr) {
        self.scoped(node, |declare| node.ident.iter().for_each(declare));
    }

    fn visit_class_expr(&mut self, node: &ClassExpr) {
        self.scoped(node, |declare| node.ident.iter().for_each(declare));
    }
}
