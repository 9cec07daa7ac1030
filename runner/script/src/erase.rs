//! Erases TypeScript: with spaces where that is enough, otherwise with generated code.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use swc_common::errors::{DiagnosticBuilder, Emitter, HANDLER, Handler};
use swc_common::sync::Lrc;
use swc_common::{GLOBALS, Globals, SourceMap};
use swc_ecma_parser::TsSyntax;
use swc_ts_fast_strip::{ErrorCode, Mode, Options, TransformConfig, TransformOutput, operate};

use crate::elide::elide_types;
use crate::error::Fault;
use crate::parse::Cell;
use crate::{PositionMap, join, parse, sourcemap};

/// JavaScript that was TypeScript.
#[derive(Debug)]
pub(crate) struct Erased {
    pub(crate) code: String,
    pub(crate) positions: PositionMap,
}

/// How the text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grammar {
    /// As what it looks like.
    Cell,
    /// As what can wait. SWC takes some of it for a script in which `await` is a name.
    AsyncCell,
    /// As strict module code.
    Module,
}

/// Erases the types of a cell. `const_enums` tells where declarations begin that later cells can use
/// if they lose their first word.
pub(crate) fn cell(text: &str, cell: &Cell, is_async: bool, const_enums: &[usize]) -> Result<Erased, Fault> {
    const KEYWORD: &str = "const";
    let mut text = elide_types(text, cell);
    for &start in const_enums {
        let end = start + KEYWORD.len();
        if text.get(start..end) == Some(KEYWORD) {
            text.to_mut().replace_range(start..end, "     ");
        }
    }
    let gaps = join::gaps(&text, cell);
    match is_async {
        // What is sloppy otherwise is refused there.
        true => erase(&text, &gaps, Grammar::AsyncCell).or_else(|_| erase(&text, &gaps, Grammar::Cell)),
        false => erase(&text, &gaps, Grammar::Cell),
    }
}

/// Erases the types of a module.
pub(crate) fn module(text: &str) -> Result<Erased, Fault> {
    let cell = parse::typescript(text)?;
    let text = elide_types(text, &cell);
    erase(&text, &join::gaps(&text, &cell), Grammar::Module)
}

/// Erases the types of a text that SWC can read if these gaps are not there.
fn erase(text: &str, gaps: &[Range<usize>], grammar: Grammar) -> Result<Erased, Fault> {
    let mut joined = Cow::Borrowed(text);
    if !gaps.is_empty() {
        join::join(joined.to_mut(), gaps);
    }
    parse::guarded(|| match run(&joined, grammar, Mode::StripOnly) {
        Ok(output) => {
            let code = join::part(text, &joined, output.code, gaps);
            Ok(Erased { code, positions: PositionMap::default() })
        }
        Err((ErrorCode::UnsupportedSyntax, _)) => print(text, &joined, grammar),
        Err((_, fault)) => Err(fault),
    })
}

fn print(text: &str, joined: &str, grammar: Grammar) -> Result<Erased, Fault> {
    let output = run(joined, grammar, Mode::Transform).map_err(|(_, fault)| fault)?;
    let mut segments = sourcemap::segments(output.map.as_deref().unwrap_or_default());
    sourcemap::recount(joined, text, &mut segments);
    Ok(Erased { code: output.code, positions: PositionMap::printed(segments) })
}

fn run(text: &str, grammar: Grammar, mode: Mode) -> Result<TransformOutput, (ErrorCode, Fault)> {
    let sources = Lrc::new(SourceMap::default());
    let first = First::default();
    let handler = Handler::with_emitter(false, false, Box::new(Recorder(first.clone(), sources.clone())));
    let options = options(grammar, mode);
    let outcome = GLOBALS.set(&Globals::new(), || {
        HANDLER.set(&handler, || operate(&sources, &handler, text.to_owned(), options))
    });
    let reported = first.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (outcome, reported) {
        (Ok(output), None) => Ok(output),
        // SWC goes on after it has reported something that it cannot express.
        (Ok(_), Some(fault)) => Err((ErrorCode::InvalidSyntax, fault)),
        (Err(error), Some(fault)) => Err((error.code, fault)),
        (Err(error), None) => Err((error.code, Fault { message: error.message, range: 0..0 })),
    }
}

fn options(grammar: Grammar, mode: Mode) -> Options {
    let mut transform = TransformConfig::default();
    transform.typescript.native_class_properties = true;
    // Types are gone from the imports already; those that are not used may be for a later cell.
    transform.typescript.verbatim_module_syntax = true;
    transform.typescript.no_empty_export = grammar != Grammar::Module;
    transform.typescript.ts_enum_is_mutable = true;
    Options {
        module: (grammar != Grammar::Cell).then_some(true),
        // What is wrong has been found by now; what is left is for those who check types.
        parser: TsSyntax { no_early_errors: true, ..TsSyntax::default() },
        source_map: matches!(mode, Mode::Transform),
        mode,
        transform: Some(transform),
        ..Options::default()
    }
}

/// The first error that SWC reported.
type First = Arc<Mutex<Option<Fault>>>;

/// Keeps the first error that SWC reports.
struct Recorder(First, Lrc<SourceMap>);

impl Emitter for Recorder {
    fn emit(&mut self, diagnostic: &mut DiagnosticBuilder<'_>) {
        let start = diagnostic.span.primary_span().map_or(0, |span| {
            let at = self.1.lookup_byte_offset(span.lo);
            at.pos.0 as usize
        });
        let message = diagnostic.message();
        let words = message.lines().next().unwrap_or_default().trim_end_matches('.');
        let fault = Fault { message: words.to_owned(), range: start..start };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }
}
