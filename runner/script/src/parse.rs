//! Parses cells with SWC.

use std::borrow::Cow;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use swc_common::{BytePos, Span, Spanned};
use swc_ecma_ast::{EsVersion, Module, ModuleItem, Script};
use swc_ecma_parser::error::{Error, SyntaxError as Kind};
use swc_ecma_parser::{EsSyntax, Lexer, Parser, StringInput, Syntax, TsSyntax};

use crate::depth;
use crate::error::Fault;
use crate::join::{gap_after, join};

/// Where SWC's positions begin; 0 is its "nowhere".
const BASE: u32 = 1;

/// How often a text is read again because another `await` in it ends its line.
const MAX_JOINS: usize = 1000;

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

/// What one attempt found wrong.
struct Failure {
    fault: Fault,
    /// Where `await` is taken for a name.
    names: Vec<Range<usize>>,
}

/// Reads a text. At top level SWC takes an `await` that ends its line for a name, which modules do not have: there,
/// what it waits for is moved up to it, in the same place of the text.
fn attempt(text: &str, syntax: Syntax, goal: Goal) -> Result<Cell, Fault> {
    let mut joined = Cow::Borrowed(text);
    for _ in 0..MAX_JOINS {
        match attempt_once(&joined, syntax, goal) {
            Ok(cell) => return Ok(cell),
            Err(failure) => {
                let gaps: Vec<_> =
                    failure.names.iter().filter_map(|name| gap_after(&joined, name.end)).collect();
                if gaps.is_empty() {
                    return Err(failure.fault);
                }
                join(joined.to_mut(), &gaps);
            }
        }
    }
    attempt_once(&joined, syntax, goal).map_err(|failure| failure.fault)
}

fn attempt_once(text: &str, syntax: Syntax, goal: Goal) -> Result<Cell, Failure> {
    let mut names = Vec::new();
    guarded(|| attempt_unguarded(text, syntax, goal, &mut names)).map_err(|fault| Failure { fault, names })
}

fn attempt_unguarded(
    text: &str,
    syntax: Syntax,
    goal: Goal,
    names: &mut Vec<Range<usize>>,
) -> Result<Cell, Fault> {
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
    let errors: Vec<Error> = (parser.take_errors().into_iter().chain(fatal))
        .filter(|error| !is_fine_when_sloppy(error.kind()) && !is_for_checkers(error.kind()))
        .collect();
    let is_await = |error: &&Error| matches!(error.kind(), Kind::InvalidIdentInAsync);
    names.extend(errors.iter().filter(is_await).map(|error| range(error.span())));
    let first = errors.into_iter().min_by_key(|error| error.span().lo);
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

/// Whether an error is only one for those who check types: what is wrong is erased, or fine in JavaScript.
fn is_for_checkers(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::TS1015
            | Kind::TS1029(..)
            | Kind::TS1030(_)
            | Kind::TS1031
            | Kind::TS1038
            | Kind::TS1098
            | Kind::TS1173
            | Kind::TS1183
            | Kind::TS1243(..)
            | Kind::TS1244
            | Kind::TS1245
            | Kind::TS1263
            | Kind::TS1267
            | Kind::TS1273(_)
            | Kind::TS1274(_)
            | Kind::TS1277(_)
            | Kind::TS2206
            | Kind::TS2207
            | Kind::TS2371
            | Kind::TS2414
            | Kind::TS2427
            | Kind::TS2452
            | Kind::TS2483
            | Kind::TS2499
            | Kind::TS4112
            | Kind::TS18010
    )
}
