//! Statements inside of statements of a wrapped cell, which are no longer at top level of a script: what they leave
//! as the cell's result, and where their functions can be seen.
//!
//! An expression statement assigns to the result. JavaScript gives no value to `if` and to loops, `switch`, `try`
//! and `with` but that of what runs inside, and `undefined` if that has none, so that these statements begin with an
//! empty result. The value of `finally` counts only if the block is left from inside.

use std::collections::BTreeSet;
use std::ops::Range;

use swc_common::Spanned;
use swc_ecma_ast::{BlockStmt, Decl, FnDecl, Stmt, TryStmt};

use super::wrapped::Body;
use crate::edits::Layer;
use crate::parse::range;
use crate::scope::declare_lexical;

/// What a statement is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A list of statements.
    List,
    /// A loop, without braces.
    Loop,
    /// Another statement that has emptied the result just before, without braces.
    Branch,
}

/// Edits a statement of a cell.
pub(super) fn edit(body: &mut Body<'_>, stmt: &Stmt) {
    Nested { body, scopes: Vec::new() }.edit_list(std::iter::once(stmt));
}

struct Nested<'a, 'b> {
    body: &'a mut Body<'b>,
    /// The names that enclosing blocks declare.
    scopes: Vec<Vec<String>>,
}

impl Nested<'_, '_> {
    fn edit(&mut self, stmt: &Stmt, place: Place) {
        match unlabelled(stmt) {
            Stmt::Block(block) => self.edit_block(block),
            Stmt::Decl(Decl::Fn(_)) if place == Place::Branch => self.edit_branch(stmt),
            Stmt::If(branches) => {
                self.empty_result(stmt, place);
                self.edit(&branches.cons, Place::Branch);
                branches.alt.iter().for_each(|alt| self.edit(alt, Place::Branch));
            }
            Stmt::With(with) => {
                self.empty_result(stmt, place);
                self.edit(&with.body, Place::Branch);
            }
            Stmt::Switch(switch) => {
                self.empty_result(stmt, place);
                self.edit_list(switch.cases.iter().flat_map(|case| &case.cons));
            }
            Stmt::Try(attempt) => {
                self.empty_result(stmt, place);
                self.edit_try(attempt);
            }
            Stmt::While(iteration) => self.edit_loop(stmt, &iteration.body, place),
            Stmt::DoWhile(iteration) => self.edit_loop(stmt, &iteration.body, place),
            Stmt::For(iteration) => self.edit_loop(stmt, &iteration.body, place),
            Stmt::ForIn(iteration) => self.edit_loop(stmt, &iteration.body, place),
            Stmt::ForOf(iteration) => self.edit_loop(stmt, &iteration.body, place),
            _ => {}
        }
    }

    fn edit_loop(&mut self, stmt: &Stmt, body: &Stmt, place: Place) {
        self.empty_result(stmt, place);
        self.edit(body, Place::Loop);
    }

    fn edit_block(&mut self, block: &BlockStmt) {
        let functions = self.hoisted(block.stmts.iter());
        let whole = range(block.span);
        if !functions.is_empty() {
            self.prefix(whole.start + 1..whole.end - 1, format!(" {} {{", shield(&functions)));
        }
        self.edit_list(block.stmts.iter());
        if !functions.is_empty() {
            self.body.edits.close(Layer::Statement, whole.start, whole.end - 1, "}");
        }
    }

    fn edit_list<'s>(&mut self, stmts: impl Iterator<Item = &'s Stmt> + Clone) {
        for function in self.hoisted(stmts.clone()) {
            let assignment = self.assignment(function);
            self.prefix(range(function.function.span), assignment);
        }
        let mut scope = Vec::new();
        declare_lexical(stmts.clone(), &mut |ident| scope.push(ident.sym.to_string()));
        self.scopes.push(scope);
        stmts.for_each(|stmt| self.edit(stmt, Place::List));
        self.scopes.pop();
    }

    fn edit_try(&mut self, attempt: &TryStmt) {
        self.edit_block(&attempt.block);
        if let Some(handler) = &attempt.handler {
            let block = range(handler.body.span);
            self.prefix(block.start + 1..block.end, format!(" {} = void 0;", self.body.result));
            self.edit_block(&handler.body);
        }
        if let Some(finalizer) = &attempt.finalizer {
            let Body { result, kept, .. } = &*self.body;
            let begin = format!(" const {kept} = {result}; {result} = void 0;");
            let end = format!("; {result} = {kept}; ");
            let block = range(finalizer.span);
            self.prefix(block.start + 1..block.end, begin);
            self.edit_block(finalizer);
            self.body.edits.close(Layer::Statement, block.start, block.end - 1, end);
        }
    }

    /// Empties the result before a statement.
    fn empty_result(&mut self, stmt: &Stmt, place: Place) {
        let text = format!("{} = void 0; ", self.body.result);
        match place {
            Place::List => self.prefix(range(stmt.span()), text),
            Place::Loop => self.enclose(range(stmt.span()), text, " }"),
            Place::Branch => {}
        }
    }

    fn prefix(&mut self, stmt: Range<usize>, text: String) {
        self.body.edits.open(Layer::Statement, stmt.start..stmt.start, stmt.end, text);
    }

    /// Puts a statement into a block that begins with another one.
    fn enclose(&mut self, stmt: Range<usize>, text: String, end: &'static str) {
        self.body.edits.close(Layer::Statement, stmt.start, stmt.end, end);
        self.prefix(stmt, format!("{{ {text}"));
    }

    /// The functions among the statements of a block that sloppy code makes variables too, when it runs the block.
    fn hoisted<'s>(&self, stmts: impl Iterator<Item = &'s Stmt>) -> Vec<&'s FnDecl> {
        let function = |stmt: &'s Stmt| match unlabelled(stmt) {
            Stmt::Decl(Decl::Fn(function)) => Some(function),
            _ => None,
        };
        let is_hoisted = |function: &&FnDecl| {
            let is_plain = !function.function.is_async && !function.function.is_generator;
            let is_hidden = self.scopes.iter().flatten().any(|name| *name == *function.ident.sym);
            is_plain && !is_hidden && !self.body.is_strict
        };
        stmts.filter_map(function).filter(is_hoisted).collect()
    }

    /// A statement that assigns a function to its variable, which in a script is a global one.
    fn assignment(&mut self, function: &FnDecl) -> String {
        let name = &*function.ident.sym;
        if self.body.names.is_exclusive(name) {
            return String::new();
        }
        self.body.functions.push(name.to_owned());
        format!("this.{name} = {name}; ")
    }

    /// `if (a) function b() {}`
    fn edit_branch(&mut self, stmt: &Stmt) {
        for function in self.hoisted(std::iter::once(stmt)) {
            let text = format!("{} {{ {}", shield(&[function]), self.assignment(function));
            self.enclose(range(stmt.span()), text, " } }");
        }
    }
}

/// A declaration in a block around these functions that keeps them from being variables of the wrapper.
fn shield(functions: &[&FnDecl]) -> String {
    // Nothing but a function or a variable can have the name `let`.
    let names: BTreeSet<&str> =
        functions.iter().map(|function| &*function.ident.sym).filter(|name| *name != "let").collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("let {};", names.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn unlabelled(stmt: &Stmt) -> &Stmt {
    match stmt {
        Stmt::Labeled(labelled) => unlabelled(&labelled.body),
        stmt => stmt,
    }
}
