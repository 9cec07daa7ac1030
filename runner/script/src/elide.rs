//! Drops imported names that a TypeScript text uses as types only, as its compiler does.
//!
//! An import that is not used at all stays: in a notebook a later cell may use it.

use std::borrow::Cow;
use std::ops::Range;

use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use crate::join;
use crate::lines::is_line_end;
use crate::parse::{Cell, range};

/// Blanks the imports of names that are used as types only. Nothing moves.
pub(crate) fn elide_types<'a>(text: &'a str, cell: &Cell) -> Cow<'a, str> {
    let Cell::Module(module) = cell else { return Cow::Borrowed(text) };
    let imports: Vec<&ImportDecl> = module
        .body
        .iter()
        .filter_map(|item| match item {
            ModuleItem::ModuleDecl(ModuleDecl::Import(import)) => Some(import),
            _ => None,
        })
        .filter(|import| !import.type_only && !import.specifiers.is_empty())
        .collect();
    if imports.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut uses = Uses::default();
    module.visit_with(&mut uses);
    let mut out = Cow::Borrowed(text);
    for import in imports {
        let whole = range(import.span);
        for part in elided(text, import, &uses) {
            let first = if part == whole { ';' } else { ' ' };
            blank(out.to_mut(), part, first);
        }
    }
    out
}

/// The parts of an import to blank.
fn elided(text: &str, import: &ImportDecl, uses: &Uses) -> Vec<Range<usize>> {
    let specifiers = &import.specifiers;
    let goes =
        |specifier: &ImportSpecifier| !specifier.is_type_only() && uses.is_type(&specifier.local().sym);
    if specifiers.iter().all(|specifier| specifier.is_type_only() || goes(specifier)) {
        return vec![range(import.span)];
    }
    let ends = specifiers.iter().skip(1).map(|next| Some(range(next.span()).start)).chain([None]);
    let mut previous_end = 0;
    let mut parts = Vec::new();
    for (specifier, next) in specifiers.iter().zip(ends) {
        let whole = range(specifier.span());
        if goes(specifier) {
            parts.push(match specifier {
                ImportSpecifier::Named(_) => whole.start..next.unwrap_or(whole.end),
                ImportSpecifier::Namespace(_) => previous_end..whole.end,
                ImportSpecifier::Default(_) => {
                    let comma = text[whole.end..].find(',').map_or(0, |at| at + 1);
                    whole.start..whole.end + comma
                }
            });
        }
        previous_end = whole.end;
    }
    parts
}

/// Replaces a range by `first` and then white space, in the same shape.
fn blank(text: &mut String, range: Range<usize>, first: char) {
    let mut blanks = String::with_capacity(range.len());
    for char in text[range.clone()].chars() {
        match is_line_end(char) {
            true => blanks.push(char),
            false => blanks.push_str(join::blank(char)),
        }
    }
    if blanks.starts_with(' ') {
        blanks.replace_range(..1, first.encode_utf8(&mut [0; 4]));
    }
    text.replace_range(range, &blanks);
}

/// The names that a text mentions, by kind of place.
#[derive(Debug, Default)]
struct Uses {
    types: Vec<String>,
    values: Vec<String>,
    in_type: bool,
}

impl Uses {
    fn is_type(&self, name: &str) -> bool {
        let has = |list: &[String]| list.iter().any(|used| used == name);
        has(&self.types) && !has(&self.values)
    }

    fn inside_type<N: VisitWith<Self>>(&mut self, node: &N) {
        let outer = std::mem::replace(&mut self.in_type, true);
        node.visit_children_with(self);
        self.in_type = outer;
    }
}

impl Visit for Uses {
    fn visit_ident(&mut self, node: &Ident) {
        let list = if self.in_type { &mut self.types } else { &mut self.values };
        list.push(node.sym.to_string());
    }

    fn visit_import_decl(&mut self, _: &ImportDecl) {}

    fn visit_named_export(&mut self, node: &NamedExport) {
        match (&node.src, node.type_only) {
            // These names are the other module's.
            (Some(_), _) => {}
            (None, true) => self.inside_type(node),
            (None, false) => node.visit_children_with(self),
        }
    }

    fn visit_export_named_specifier(&mut self, node: &ExportNamedSpecifier) {
        // The name that others see is none that is used here.
        match node.is_type_only {
            true => self.inside_type(&node.orig),
            false => node.orig.visit_with(self),
        }
    }

    fn visit_ts_type(&mut self, node: &TsType) {
        self.inside_type(node);
    }

    fn visit_ts_interface_decl(&mut self, node: &TsInterfaceDecl) {
        self.inside_type(node);
    }

    fn visit_ts_expr_with_type_args(&mut self, node: &TsExprWithTypeArgs) {
        self.inside_type(node);
    }

    fn visit_ts_type_param_decl(&mut self, node: &TsTypeParamDecl) {
        self.inside_type(node);
    }
}
