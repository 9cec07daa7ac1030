//! Static imports in a cell: they become dynamic ones at the beginning of the body.

use swc_common::{Span, Spanned};
use swc_ecma_ast::{ImportDecl, ImportPhase, ImportSpecifier, ModuleExportName, ObjectLit, Str};

use super::wrapped::Body;
use crate::edits::Piece;
use crate::error::Fault;
use crate::literal::quote;
use crate::parse::range;

/// The modules that a cell loads, in order.
#[derive(Debug, Default)]
pub(super) struct Loads(Vec<Load>);

#[derive(Debug)]
struct Load {
    /// The arguments of `import()`.
    arguments: String,
    /// The module's specifier as the message shows it.
    specifier: String,
    /// Local names and what they stand for; `None` is the module itself.
    bindings: Vec<(String, Option<String>)>,
    origin: usize,
}

impl Loads {
    /// The code that loads the modules. It leaves `result` undefined.
    pub(super) fn finish(self, result: &str) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = self.0.iter().map(|load| load.piece(result)).collect();
        if let Some(last) = pieces.last_mut() {
            last.text.push_str(&format!("{result} = void 0; "));
        }
        pieces
    }
}

impl Load {
    fn piece(&self, result: &str) -> Piece {
        let mut text = format!("{result} = await import({}); ", self.arguments);
        for (_, name) in &self.bindings {
            let Some(name) = name else { continue };
            let message = quote(&format!(
                "The requested module '{}' does not provide an export named '{name}'",
                self.specifier
            ));
            text.push_str(&format!("if (!({} in {result})) throw new SyntaxError({message}); ", quote(name)));
        }
        for (local, name) in &self.bindings {
            match name {
                Some(name) => text.push_str(&format!("{local} = {result}[{}]; ", quote(name))),
                None => text.push_str(&format!("{local} = {result}; ")),
            }
        }
        Piece { text, origin: self.origin }
    }
}

/// `import a, { b as c } from "x"`
pub(super) fn import(body: &mut Body<'_>, import: &ImportDecl) -> Result<(), Fault> {
    let keyword = match import.phase {
        ImportPhase::Evaluation => None,
        ImportPhase::Source => Some("source"),
        ImportPhase::Defer => Some("defer"),
    };
    if let Some(keyword) = keyword {
        let message = format!("'import {keyword}' is not supported in a cell");
        return Err(Fault { message, range: range(import.span) });
    }
    let bindings = import.specifiers.iter().map(binding).collect();
    load(body, import.span, &import.src, import.with.as_deref(), bindings);
    Ok(())
}

/// `export * from "x"` and `export { a }`: only the module's effects remain.
pub(super) fn reexport(body: &mut Body<'_>, span: Span, source: Option<&Str>, with: Option<&ObjectLit>) {
    match source {
        Some(source) => load(body, span, source, with, Vec::new()),
        None => body.edits.blank(range(span), ';'),
    }
}

fn load(
    body: &mut Body<'_>,
    span: Span,
    source: &Str,
    with: Option<&ObjectLit>,
    bindings: Vec<(String, Option<String>)>,
) {
    let text = body.edits.text();
    let whole = range(span);
    let mut arguments = text[range(source.span)].to_owned();
    if let Some(with) = with {
        arguments.push_str(&format!(", {{ with: {} }}", one_line(&text[range(with.span())])));
    }
    let specifier = source.value.to_string_lossy().into_owned();
    body.loads.0.push(Load { arguments, specifier, bindings, origin: whole.start });
    body.edits.blank(whole, ';');
}

fn binding(specifier: &ImportSpecifier) -> (String, Option<String>) {
    let local = specifier.local().sym.to_string();
    let name = match specifier {
        ImportSpecifier::Default(_) => Some("default".to_owned()),
        ImportSpecifier::Namespace(_) => None,
        ImportSpecifier::Named(named) => Some(match &named.imported {
            Some(ModuleExportName::Ident(ident)) => ident.sym.to_string(),
            Some(ModuleExportName::Str(name)) => name.value.to_string_lossy().into_owned(),
            None => local.clone(),
        }),
    };
    (local, name)
}

/// Import attributes are strings and names, so line ends in them are only layout.
fn one_line(text: &str) -> String {
    text.replace(crate::lines::is_line_end, " ")
}
