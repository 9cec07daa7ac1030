//! Static imports in a cell: they become dynamic ones at the beginning of the body. What they bind becomes
//! properties of the global object that ask the module for their value, as the variables of a module do.

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
    /// The code that loads the modules.
    pub(super) fn finish(self, unused: &Unused) -> Vec<Piece> {
        let binds = self.0.iter().any(|load| !load.bindings.is_empty());
        let pieces = self.0.iter().map(|load| load.piece(unused));
        binds.then(|| Piece { text: binder(unused), origin: 0 }).into_iter().chain(pieces).collect()
    }
}

/// Names that the cell does not use.
#[derive(Debug)]
pub(super) struct Unused {
    module: String,
    bind: String,
}

impl Unused {
    pub(super) fn new(name: impl Fn(&str) -> String) -> Self {
        Self { module: name("$module"), bind: name("$bind") }
    }
}

/// The function that binds a name. Who assigns to it later, as a cell that declares it anew, makes it a variable
/// like others. One that an earlier cell has declared as a variable stays one, and gets the value of now.
fn binder(Unused { bind, .. }: &Unused) -> String {
    const HOW: &str = "enumerable: true, configurable: true";
    format!(
        "const {bind} = (name, get) => {{ const define = ({{}}).constructor.defineProperty; \
         const set = (value) => {{ define(this, name, {{ value, writable: true, {HOW} }}); }}; \
         try {{ define(this, name, {{ get, set, {HOW} }}); }} catch {{ this[name] = get(); }} }}; "
    )
}

impl Load {
    fn piece(&self, Unused { module, bind }: &Unused) -> Piece {
        if self.bindings.is_empty() {
            return Piece { text: format!("await import({}); ", self.arguments), origin: self.origin };
        }
        let mut text = format!("{{ const {module} = await import({}); ", self.arguments);
        for (_, name) in &self.bindings {
            let Some(name) = name else { continue };
            let message = quote(&format!(
                "The requested module '{}' does not provide an export named '{name}'",
                self.specifier
            ));
            text.push_str(&format!("if (!({} in {module})) throw new SyntaxError({message}); ", quote(name)));
        }
        for (local, name) in &self.bindings {
            let member = name.as_ref().map_or_else(String::new, |name| format!("[{}]", quote(name)));
            text.push_str(&format!("{bind}({}, () => {module}{member}); ", quote(local)));
        }
        text.push_str("} ");
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
