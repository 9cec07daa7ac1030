//! The names that a cell declares at global level.

use std::ops::Range;

use swc_ecma_ast::{Decl, DefaultDecl, Ident, ModuleDecl, ModuleItem, Stmt, VarDecl, VarDeclKind};

use super::{Leaf, bound, walk};
use crate::error::Fault;
use crate::parse::{Items, range};

/// The names that a cell declares at global level, in source order.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    list: Vec<Name<'a>>,
}

#[derive(Debug)]
struct Name<'a> {
    text: &'a str,
    range: Range<usize>,
    kind: Kind,
}

/// How a name is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `var`, also in nested blocks.
    Var,
    /// `function` at top level.
    Function,
    /// `function` in a block, which sloppy code also makes a variable.
    BlockFunction,
    /// `let` and `class`.
    Lexical,
    /// `const`.
    Constant,
    /// A binding of a static import.
    Import,
    /// `using`, which lives as long as the cell runs.
    Local,
}

impl Kind {
    fn excludes_others(self) -> bool {
        matches!(self, Kind::Lexical | Kind::Constant | Kind::Import | Kind::Local)
    }

    /// Whether an assignment to the name throws.
    pub(crate) fn is_constant(self) -> bool {
        matches!(self, Kind::Constant | Kind::Import)
    }
}

impl<'a> Names<'a> {
    pub(crate) fn of(items: Items<'a>) -> Names<'a> {
        let mut names = Names::default();
        match items {
            Items::Script(stmts) => stmts.iter().for_each(|stmt| names.add_stmt(stmt)),
            Items::Module(items) => items.iter().for_each(|item| match item {
                ModuleItem::Stmt(stmt) => names.add_stmt(stmt),
                ModuleItem::ModuleDecl(decl) => names.add_module_decl(decl),
            }),
        }
        names
    }

    /// Finds the first name that may not be declared again.
    pub(crate) fn conflict(&self) -> Option<Fault> {
        if !self.list.iter().any(|name| name.kind.excludes_others()) {
            return None;
        }
        let mut sorted: Vec<&Name<'_>> =
            self.list.iter().filter(|name| name.kind != Kind::BlockFunction).collect();
        sorted.sort_by_key(|name| (name.text, name.range.start));
        let second = sorted
            .chunk_by(|a, b| a.text == b.text)
            .filter(|same| same.iter().any(|name| name.kind.excludes_others()))
            .filter_map(|same| same.get(1))
            .min_by_key(|name| name.range.start)?;
        let message = format!("Identifier '{}' has already been declared", second.text);
        Some(Fault { message, range: second.range.clone() })
    }

    /// How a name is declared, if it is.
    pub(crate) fn kind(&self, text: &str) -> Option<Kind> {
        self.list.iter().find(|name| name.text == text).map(|name| name.kind)
    }

    /// Whether a name is declared in a way that excludes a variable of that name.
    pub(crate) fn is_exclusive(&self, text: &str) -> bool {
        self.list.iter().any(|name| name.text == text && name.kind.excludes_others())
    }

    /// The names of some kinds, each once, in source order.
    pub(crate) fn select(&self, wanted: impl Fn(Kind) -> bool) -> Vec<String> {
        let mut found: Vec<(usize, &Name<'_>)> =
            self.list.iter().enumerate().filter(|(_, name)| wanted(name.kind)).collect();
        found.sort_by_key(|(index, name)| (name.text, *index));
        found.dedup_by_key(|(_, name)| name.text);
        found.sort_by_key(|(index, _)| *index);
        found.into_iter().map(|(_, name)| name.text.to_owned()).collect()
    }

    fn add(&mut self, ident: &'a Ident, kind: Kind) {
        self.list.push(Name { text: &ident.sym, range: range(ident.span), kind });
    }

    fn add_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Decl(decl) => self.add_decl(decl),
            stmt => walk(stmt, &mut |leaf| self.add_nested(leaf)),
        }
    }

    fn add_decl(&mut self, decl: &'a Decl) {
        match decl {
            Decl::Class(class) => self.add(&class.ident, Kind::Lexical),
            Decl::Fn(function) => self.add(&function.ident, Kind::Function),
            Decl::Var(decl) => self.add_variables(decl),
            Decl::Using(decl) => decl
                .decls
                .iter()
                .for_each(|decl| bound(&decl.name, &mut |ident| self.add(ident, Kind::Local))),
            Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
        }
    }

    fn add_nested(&mut self, leaf: Leaf<'a>) {
        match leaf {
            Leaf::Decl(Decl::Var(decl)) if decl.kind == VarDeclKind::Var => self.add_variables(decl),
            Leaf::Decl(Decl::Fn(function)) => self.add(&function.ident, Kind::BlockFunction),
            Leaf::Head(decl) if decl.kind == VarDeclKind::Var => self.add_variables(decl),
            Leaf::Decl(_) | Leaf::Head(_) | Leaf::Expr(_) => {}
        }
    }

    fn add_variables(&mut self, decl: &'a VarDecl) {
        let kind = match decl.kind {
            VarDeclKind::Var => Kind::Var,
            VarDeclKind::Let => Kind::Lexical,
            VarDeclKind::Const => Kind::Constant,
        };
        for declarator in &decl.decls {
            bound(&declarator.name, &mut |ident| self.add(ident, kind));
        }
    }

    fn add_module_decl(&mut self, decl: &'a ModuleDecl) {
        match decl {
            ModuleDecl::Import(import) => {
                import.specifiers.iter().for_each(|specifier| self.add(specifier.local(), Kind::Import));
            }
            ModuleDecl::ExportDecl(export) => self.add_decl(&export.decl),
            ModuleDecl::ExportDefaultDecl(export) => match &export.decl {
                DefaultDecl::Class(class) => {
                    class.ident.iter().for_each(|ident| self.add(ident, Kind::Lexical))
                }
                DefaultDecl::Fn(function) => {
                    function.ident.iter().for_each(|ident| self.add(ident, Kind::Function));
                }
                DefaultDecl::TsInterfaceDecl(_) => {}
            },
            ModuleDecl::ExportNamed(_)
            | ModuleDecl::ExportDefaultExpr(_)
            | ModuleDecl::ExportAll(_)
            | ModuleDecl::TsImportEquals(_)
            | ModuleDecl::TsExportAssignment(_)
            | ModuleDecl::TsNamespaceExport(_) => {}
        }
    }
}
