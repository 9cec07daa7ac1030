//! Cells that wait for something: their body becomes that of an async arrow function, their
//! declarations become assignments to global variables.

use swc_common::Spanned;
use swc_ecma_ast::{
    ClassDecl, Decl, ExportDecl, Expr, ExprStmt, Lit, ModuleDecl, ModuleItem, Pat, Stmt, VarDecl, VarDeclKind,
};

use super::default_export;
use super::imports::{self, Loads, Unused};
use super::nested;
use super::objects::Objects;
use super::plain::{reset_uninitialized, terminate};
use crate::PositionMap;
use crate::edits::{Edits, Layer, Piece};
use crate::error::Fault;
use crate::parse::{Items, range};
use crate::scope::{Kind, Leaf, Names, walk};

/// Wraps the body of a cell in an async arrow function.
pub(crate) fn wrap(
    items: Items<'_>,
    names: &Names<'_>,
    objects: &Objects,
    edits: Edits<'_>,
) -> Result<(String, PositionMap), Fault> {
    let text = edits.text();
    let unused = |name: &str| unused_name(text, name);
    let directives: Vec<&str> = match items {
        Items::Script(_) => Vec::new(),
        Items::Module(items) => {
            items.iter().map_while(directive).map(|expr| &text[range(expr.span())]).collect()
        }
    };
    let mut body = Body {
        result: unused("$result"),
        kept: unused("$kept"),
        is_strict: directives.iter().any(|directive| ["'use strict'", "\"use strict\""].contains(directive)),
        names,
        objects,
        functions: Vec::new(),
        edits,
        loads: Loads::default(),
    };
    match items {
        Items::Script(stmts) => stmts.iter().for_each(|stmt| body.edit(stmt)),
        Items::Module(items) => items.iter().try_for_each(|item| body.edit_item(item))?,
    }
    let prologue: String = directives.iter().flat_map(|directive| [directive, "; "]).collect();
    let head = head(names, &body.functions, &body.result);
    let Body { result, edits, loads, .. } = body;
    let mut begin = vec![Piece { text: prologue + &head, origin: 0 }];
    begin.extend(loads.finish(&Unused::new(unused)));
    Ok(edits.write(&begin, &format!("\nreturn {result};\n}})();")))
}

/// The global variables, then the beginning of the function.
fn head(names: &Names<'_>, functions: &[String], result: &str) -> String {
    let is_variable = |kind| matches!(kind, Kind::Var | Kind::Lexical | Kind::Constant);
    let mut variables = names.select(is_variable);
    for function in functions {
        if !variables.contains(function) {
            variables.push(function.clone());
        }
    }
    let variables = variables.join(", ");
    let variables = if variables.is_empty() { variables } else { format!("var {variables}; ") };
    format!("{variables}(async () => {{ let {result}; ")
}

/// A name like this one that the cell does not use.
fn unused_name(text: &str, name: &str) -> String {
    let mut name = name.to_owned();
    while text.contains(&name) {
        name.push('$');
    }
    name
}

fn directive(item: &ModuleItem) -> Option<&Expr> {
    match item {
        ModuleItem::Stmt(Stmt::Expr(stmt)) if matches!(&*stmt.expr, Expr::Lit(Lit::Str(_))) => {
            Some(&stmt.expr)
        }
        _ => None,
    }
}

/// The body of the function while it is being edited.
pub(super) struct Body<'a> {
    pub(super) result: String,
    /// A name for the result while something runs that does not change it.
    pub(super) kept: String,
    pub(super) is_strict: bool,
    pub(super) names: &'a Names<'a>,
    objects: &'a Objects,
    /// The functions in blocks that become variables.
    pub(super) functions: Vec<String>,
    pub(super) edits: Edits<'a>,
    pub(super) loads: Loads,
}

impl Body<'_> {
    fn edit_item(&mut self, item: &ModuleItem) -> Result<(), Fault> {
        match item {
            ModuleItem::Stmt(stmt) => self.edit(stmt),
            ModuleItem::ModuleDecl(decl) => self.edit_module_decl(decl)?,
        }
        Ok(())
    }

    fn edit(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Decl(decl) => self.edit_decl(decl),
            Stmt::Expr(stmt) if self.objects.contains(stmt) => {}
            stmt => {
                walk(stmt, &mut |leaf| self.edit_leaf(leaf));
                nested::edit(self, stmt);
            }
        }
    }

    fn edit_decl(&mut self, decl: &Decl) {
        match decl {
            Decl::Class(class) => self.edit_class(class),
            Decl::Fn(function) => self.edits.move_to_end(range(function.function.span)),
            Decl::Var(decl) => self.edit_variables(decl),
            Decl::Using(_)
            | Decl::TsInterface(_)
            | Decl::TsTypeAlias(_)
            | Decl::TsEnum(_)
            | Decl::TsModule(_) => {}
        }
    }

    fn edit_leaf(&mut self, leaf: Leaf<'_>) {
        match leaf {
            Leaf::Expr(stmt) => self.keep_value(stmt),
            Leaf::Decl(Decl::Var(decl)) if decl.kind == VarDeclKind::Var => self.edit_variables(decl),
            Leaf::Head(decl) if decl.kind == VarDeclKind::Var => self.blank_keyword(decl),
            Leaf::Decl(_) | Leaf::Head(_) => {}
        }
    }

    /// Makes the value of an expression statement the cell's result.
    fn keep_value(&mut self, stmt: &ExprStmt) {
        let value = range(stmt.expr.span());
        self.assign_result(value.start..value.start, value.end, &stmt.expr);
    }

    /// Opens an assignment to the result in place of `opening`, up to `end`.
    pub(super) fn assign_result(&mut self, opening: std::ops::Range<usize>, end: usize, value: &Expr) {
        let start = opening.start;
        // The comma keeps an anonymous function anonymous.
        let comma = if is_anonymous_function(value) { "0, " } else { "" };
        self.edits.open(Layer::Statement, opening, end, format!("{} = ({comma}", self.result));
        self.edits.close(Layer::Statement, start, end, ")");
    }

    pub(super) fn edit_class(&mut self, class: &ClassDecl) {
        let whole = range(class.class.span);
        self.edits.open(
            Layer::Statement,
            whole.start..whole.start,
            whole.end,
            format!("{} = ", class.ident.sym),
        );
        self.edits.close(Layer::Statement, whole.start, whole.end, ";");
    }

    /// Makes a declaration an expression statement, in a way that holds whatever is around it.
    fn edit_variables(&mut self, decl: &VarDecl) {
        let whole = range(decl.span);
        if decl.kind == VarDeclKind::Let {
            reset_uninitialized(decl, &mut self.edits);
        }
        if decl.decls.iter().all(|declarator| matches!(declarator.name, Pat::Ident(_))) {
            self.blank_keyword(decl);
            return terminate(decl, &mut self.edits);
        }
        // A pattern in front would be taken for a block or for an index.
        let end = decl.decls.last().map_or(whole.end, |last| range(last.span).end);
        let terminated = self.edits.text()[whole.clone()].ends_with(';');
        let close = if terminated { ")" } else { ");" };
        let keyword = whole.start..whole.start + keyword(decl).len();
        self.edits.open(Layer::Statement, keyword, end, "void (");
        self.edits.close(Layer::Statement, whole.start, end, close);
    }

    fn blank_keyword(&mut self, decl: &VarDecl) {
        let start = range(decl.span).start;
        self.edits.blank(start..start + keyword(decl).len(), ' ');
    }

    fn edit_module_decl(&mut self, decl: &ModuleDecl) -> Result<(), Fault> {
        match decl {
            ModuleDecl::Import(import) => imports::import(self, import)?,
            ModuleDecl::ExportDecl(export) => self.edit_export(export),
            ModuleDecl::ExportDefaultExpr(export) => default_export::expression(self, export),
            ModuleDecl::ExportDefaultDecl(export) => default_export::declaration(self, export),
            ModuleDecl::ExportNamed(export) => {
                imports::reexport(self, export.span, export.src.as_deref(), export.with.as_deref())
            }
            ModuleDecl::ExportAll(export) => {
                imports::reexport(self, export.span, Some(&export.src), export.with.as_deref());
            }
            // Types are gone by now.
            ModuleDecl::TsImportEquals(_)
            | ModuleDecl::TsExportAssignment(_)
            | ModuleDecl::TsNamespaceExport(_) => {}
        }
        Ok(())
    }

    fn edit_export(&mut self, export: &ExportDecl) {
        let (whole, decl) = (range(export.span), range(export.decl.span()));
        self.edits.blank(whole.start..decl.start, ' ');
        self.edit_decl(&export.decl);
    }
}

fn keyword(decl: &VarDecl) -> &'static str {
    decl.kind.as_str()
}

fn is_anonymous_function(value: &Expr) -> bool {
    match value {
        Expr::Paren(paren) => is_anonymous_function(&paren.expr),
        Expr::Arrow(_) => true,
        Expr::Fn(function) => function.ident.is_none(),
        Expr::Class(class) => class.ident.is_none(),
        _ => false,
    }
}
