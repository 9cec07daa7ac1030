//! Parses cells with SWC.

use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use swc_common::{BytePos, Span, Spanned};
use swc_ecma_ast::{EsVersion, Module, ModuleItem, Script};
use swc_ecma_parser::error::SyntaxError as Kind;
use swc_ecma_parser::{EsSyntax, Lexer, Parser, StringInput, Syntax, TsSyntax};

use crate::depth;
use crate::error::Fault;

/// Where SWC's positions begin; 0 is its "nowhere".
const BASE: u32 = 1;

/// The statements of a cell.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Read with `await`, `import` and `export`.
    Module(Module),
    /// Read as what only a sloppy script may be, such as `await` as a name.
    Script(Script),
}

impl Cell {
    pub(crate) fn items(&self) -> Items<'_> {
        match self {
            Cell::Module(module) => Items::Module(&module.body),
            Cell::Script(script) => Items::Script(&script.body),
        }
    }
}

/// The top-level statements of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Items<'a> {
    Module(&'a [ModuleItem]),
    Script(&'a [swc_ecma_ast::Stmt]),
}

/// The goal symbol and language of one attempt.
#[derive(Clone, Copy, Debug)]
enum Goal {
    Module,
    Script,
}

/// Parses a cell that may hold types.
pub(crate) fn typescript(text: &str) -> Result<Cell, Fault> {
    depth::check(text)?;
    let ts = Syntax::Typescript(TsSyntax::default());
    attempt(text, ts, Goal::Module)
        .or_else(|fault| javascript(text).or_else(|_| attempt(text, ts, Goal::Script)).map_err(|_| fault))
}

/// Parses a cell without types.
pub(crate) fn javascript(text: &str) -> Result<Cell, Fault> {
    let es = Syntax::Es(EsSyntax {
        import_attributes: true,
        explicit_resource_management: true,
        ..EsSyntax::default()
    });
    attempt(text, es, Goal::Module).or_else(|fault| attempt(text, es, Goal::Script).map_err(|_| fault))
}

/// The byte range of a span in the parsed text.
pub(crate) fn range(span: Span) -> Range<usize> {
    offset(span.lo)..offset(span.hi)
}

fn offset(position: BytePos) -> usize {
    position.0.saturating_sub(BASE) as usize
}

/// Runs SWC, whose own faults on unusual texts shall not be ours.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let failed = |_| Err(Fault { message: "The parser failed on this text".to_owned(), range: 0..0 });
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(failed)
}

fn attempt(text: &str, syntax: Syntax, goal: Goal) -> Result<Cell, Fault> {
    guarded(|| attempt_unguarded(text, syntax, goal))
}

fn attempt_unguarded(text: &str, syntax: Syntax, goal: Goal) -> Result<Cell, Fault> {
    let Some(end) = u32::try_from(text.len()).ok().and_then(|length| length.checked_add(BASE)) else {
        return Err(Fault { message: "The text is too long".to_owned(), range: 0..0 });
    };
    let input = StringInput::new(text, BytePos(BASE), BytePos(end));
    let mut parser = Parser::new_from(Lexer::new(syntax, EsVersion::latest(), input, None));
    let parsed = match goal {
        Goal::Module => parser.parse_module().map(Cell::Module),
        Goal::Script => parser.parse_script().map(Cell::Script),
    };
    let fatal = parsed.as_ref().err().cloned();
    let first = (parser.take_errors().into_iter().chain(fatal))
        .filter(|error| !is_fine_when_sloppy(error.kind()))
        .min_by_key(|error| error.span().lo);
    match (first, parsed) {
        (None, Ok(cell)) => Ok(cell),
        (Some(error), _) | (None, Err(error)) => {
            let range = range(error.span());
            Err(Fault { message: explain(text, range.start, error.kind()), range })
        }
    }
}

fn explain(text: &str, at: usize, kind: &Kind) -> String {
    match text.as_bytes().get(at) {
        Some(b'@') => "Decorators are not supported".to_owned(),
        _ => message(kind),
    }
}

/// SWC's words, as one line.
fn message(kind: &Kind) -> String {
    match kind {
        Kind::WithLabel { inner, .. } => message(inner.kind()),
        // What it expected instead is a list of nearly all tokens.
        Kind::Unexpected { got, .. } => format!("Unexpected token '{got}'"),
        kind => {
            let words = kind.msg();
            let line = words.lines().next().unwrap_or_default();
            line.trim_end_matches('.').to_owned()
        }
    }
}

/// Whether an error is only one in strict code. V8 decides those, because it knows which code is.
fn is_fine_when_sloppy(kind: &Kind) -> bool {
    match kind {
        Kind::InvalidIdentInStrict(name) => &**name != "enum",
        Kind::DeclNotAllowed
        | Kind::EvalAndArgumentsInStrict
        | Kind::LabelledFunctionInStrict
        | Kind::LegacyCommentInModule
        | Kind::LegacyDecimal
        | Kind::LegacyOctal
        | Kind::TS1085
        | Kind::TS1100
        | Kind::TS1102
        | Kind::TS2410
        | Kind::WithInStrict => true,
        _ => false,
    }
}
