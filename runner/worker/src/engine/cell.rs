//! One cell from text to outcome.

use deno_core::{
    error::{CoreError, CoreErrorKind, JsError},
    exception_to_err, v8,
};
use stasis_script::{Language, Source, SyntaxError};

use super::{Engine, Intrinsics, event_loop::Turn, extension::Uncaught, memory, stack_trace::FRAME};
use crate::protocol::Job;

/// How a cell ended by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CellEnd {
    /// Its value settled; this is the value's text.
    Returned(String),
    /// It threw.
    Threw {
        /// Name and message.
        message: String,
        /// One frame a line; then, between braces, what else there is to say of an error.
        stack: String,
    },
}

/// What a cell threw.
#[derive(Debug)]
pub(super) struct Thrown {
    pub(super) message: String,
    stack: String,
    /// Causes, other errors and own properties, as the inspector shows them.
    details: String,
}

/// What a script's last expression gave.
#[derive(Debug)]
enum Completion {
    /// The text of a primitive value, which nothing can change any more.
    Text(String),
    /// Any other value.
    Value(v8::Global<v8::Value>),
}

impl Engine {
    /// Runs a cell until its value has settled.
    pub(crate) fn run(&mut self, job: &Job) -> CellEnd {
        self.reseed();
        self.offer(job.capabilities);
        let heap = usize::try_from(job.heap).unwrap_or(usize::MAX);
        memory::allow(self.runtime.v8_isolate(), self.base_heap.saturating_add(heap));
        match self.evaluate_to_text(&job.name, &job.code, job.result) {
            Ok(text) => CellEnd::Returned(text),
            Err(thrown) => thrown.into_end(),
        }
    }

    fn evaluate_to_text(&mut self, name: &str, code: &str, max: u64) -> Result<String, Thrown> {
        let completion = self.evaluate(name, code)?;
        self.result_text(completion, max)
    }

    fn evaluate(&mut self, name: &str, code: &str) -> Result<Completion, Thrown> {
        let source = Source { name, text: code, language: Language::TypeScript };
        let constants = &self.constants;
        let prepared = stasis_script::prepare(&source, &|name| constants.contains(name))
            .map_err(|error| Thrown::from_syntax_error(&error, name))?;
        for name in &prepared.declared {
            self.constants.remove(name);
        }
        self.constants.extend(prepared.constants);
        let first_line = self.sources.remember_cell(name, prepared.positions);
        let value = self.execute(name, &prepared.code, first_line)?;
        self.settle(value)
    }

    /// Runs a prepared script; gives its completion value.
    fn execute(&mut self, name: &str, code: &str, first_line: i32) -> Result<Completion, Thrown> {
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        let (Some(code), Some(name)) = (v8::String::new(scope, code), v8::String::new(scope, name)) else {
            return Err(Thrown::bare("RangeError: the script is too long"));
        };
        let origin = v8::ScriptOrigin::new(
            scope,
            name.into(),
            first_line,
            0,
            false,
            -1,
            None,
            false,
            false,
            false,
            None,
        );
        let value = v8::Script::compile(scope, code, Some(&origin)).and_then(|script| script.run(scope));
        match value {
            Some(value) => {
                if let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) {
                    expect_rejection(scope, promise);
                }
                Ok(Completion::of(scope, value))
            }
            None if scope.has_terminated() => {
                scope.reset();
                Err(Thrown::reported(scope, &self.intrinsics))
            }
            None => {
                let position = scope.message().and_then(|message| {
                    // V8 knows no position if it ran out of stack while it compiled the script.
                    let line = message.get_line_number(scope).filter(|line| *line > 0)?;
                    Some((line as u32, message.get_start_column() as u32 + 1))
                });
                let Some(exception) = scope.exception() else {
                    return Err(Thrown::bare("Error: the script was terminated"));
                };
                scope.reset();
                let mut thrown = describe(scope, &self.intrinsics, exception);
                if let (true, Some((line, column))) = (thrown.stack.is_empty(), position) {
                    // A syntax error that V8 found has no frames.
                    let name = name.to_rust_string_lossy(scope);
                    let (line, column) = self.sources.original(&name, line, column);
                    thrown.stack = format!("{FRAME}{name}:{line}:{column}");
                }
                Err(thrown)
            }
        }
    }

    /// Runs the event loop until the value, if it is a promise, has settled. One turn is taken in any
    /// case: what a script queued belongs to it.
    fn settle(&mut self, completion: Completion) -> Result<Completion, Thrown> {
        loop {
            let turn = match self.turn() {
                Ok(turn) => turn,
                Err(error) => return Err(self.uncaught(*error)),
            };
            let Completion::Value(value) = &completion else { return Ok(completion) };
            if let Some(settled) = self.settled(value)? {
                return Ok(settled);
            }
            match turn {
                Turn::Busy => {}
                Turn::Waiting => self.wait(),
                Turn::Idle => {
                    return Err(Thrown::bare(
                        "Error: the script awaits a promise that nothing can settle any more",
                    ));
                }
            }
        }
    }

    /// An exception that nobody caught.
    fn uncaught(&mut self, error: CoreError) -> Thrown {
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        Thrown::uncaught(scope, &self.intrinsics).unwrap_or_else(|| Thrown::from_core_error(error))
    }

    fn settled(&mut self, value: &v8::Global<v8::Value>) -> Result<Option<Completion>, Thrown> {
        scope!(scope, self);
        let local = v8::Local::new(scope, value);
        let Ok(promise) = v8::Local::<v8::Promise>::try_from(local) else {
            return Ok(Some(Completion::Value(value.clone())));
        };
        match promise.state() {
            v8::PromiseState::Pending => Ok(None),
            v8::PromiseState::Fulfilled => {
                let result = promise.result(scope);
                Ok(Some(Completion::of(scope, result)))
            }
            v8::PromiseState::Rejected => {
                let reason = promise.result(scope);
                v8::tc_scope!(let scope, scope);
                Err(describe(scope, &self.intrinsics, reason))
            }
        }
    }

    fn result_text(&mut self, completion: Completion, max: u64) -> Result<String, Thrown> {
        let text = match completion {
            Completion::Text(text) => text,
            Completion::Value(value) => self.text_of_value(&value)?,
        };
        if text.len() as u64 > max {
            let length = text.len();
            return Err(Thrown::bare(&format!(
                "RangeError: the result is too long: {length} bytes, at most {max} are returned"
            )));
        }
        Ok(text)
    }

    fn text_of_value(&mut self, value: &v8::Global<v8::Value>) -> Result<String, Thrown> {
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        let value = v8::Local::new(scope, value);
        let text = text_of(scope, &self.intrinsics, value);
        if scope.has_terminated() {
            scope.reset();
            return Err(Thrown::reported(scope, &self.intrinsics));
        }
        Ok(text)
    }

    /// Has V8 take memory to allocate from, by a script that it has not compiled before and that leaves nothing
    /// behind.
    pub(super) fn warm_up_allocation(&mut self) {
        self.warm_up_with("2 + 2");
        self.sources.clear();
    }

    /// Runs what scripts commonly use.
    pub(super) fn warm_up_cells(&mut self) {
        self.link.mute(true);
        let begun = self.evaluate("stasis:warm-up", WARM_UP_BEGIN);
        debug_assert!(begun.is_ok(), "{begun:?}");
        for code in WARM_UP {
            self.warm_up_with(code);
        }
        self.link.mute(false);
        // What the warm-up declared is not to be found by scripts.
        let cleaned = self.evaluate("stasis:warm-up", WARM_UP_END);
        debug_assert!(cleaned.is_ok(), "{cleaned:?}");
        self.constants.clear();
    }

    fn warm_up_with(&mut self, code: &str) {
        let text = self.evaluate_to_text("stasis:warm-up", code, u64::MAX);
        debug_assert!(text.is_ok(), "{text:?}");
    }
}

impl Completion {
    fn of(scope: &v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Self {
        match text_of_primitive(scope, value) {
            Some(text) => Self::Text(text),
            None => Self::Value(v8::Global::new(scope, value)),
        }
    }
}

/// Scripts that take the paths which most scripts take.
const WARM_UP: [&str; 8] = [
    "1 + 1",
    // V8 makes the table of texts of numbers large when two of them want the same place.
    "for (let i = 0; i < 1000; i++) `${i + 0.5}`",
    "let warm = { a: [1, 'x', null], b: new Map([[1, new Set([2])]]) }; console.log('x', warm, 1); warm",
    "interface Warm { a: number } const warmed: Warm = { a: 1 }; class WarmClass<T> { #x = 1; get x() { return this.#x } } new WarmClass().x",
    "const waited = await new Promise((resolve) => setTimeout(resolve, 1, 5)); await Promise.all([1, waited]); [waited, ...'abc'].map((x) => `${x}`).join()",
    "var warmFunction = function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) }; try { null.x } catch (error) { String(error.stack) } warmFunction(5)",
    "console.error(new Error('x'), new Date(0), /x/, Symbol('x')); console.info([{ a: 1 }]); JSON.parse(JSON.stringify({ a: [1, { b: 'ü' }] }))",
    "[new URL('https://example.com/a?b=c').searchParams.get('b'), new TextDecoder().decode(new TextEncoder().encode('é')), structuredClone(new Map([[1, 2]])).size, atob(btoa('x')), Math.random() < 1, crypto.randomUUID().length, performance.now() > 0, typeof queueMicrotask]",
];
/// A variable that a script declares cannot be deleted, unless it was there before in another way.
const WARM_UP_BEGIN: &str = "for (const name of ['warm', 'warmed', 'WarmClass', 'waited', 'warmFunction']) \
    Object.defineProperty(globalThis, name, { value: 0, writable: true, configurable: true });";
const WARM_UP_END: &str = "'use strict'; \
    for (const name of ['warm', 'warmed', 'WarmClass', 'waited', 'warmFunction']) delete globalThis[name];";

impl Thrown {
    fn bare(message: &str) -> Self {
        Self { message: message.to_owned(), stack: String::new(), details: String::new() }
    }

    fn into_end(self) -> CellEnd {
        let Self { message, stack, details } = self;
        let details = if stack.is_empty() { details.trim_start() } else { &details };
        CellEnd::Threw { message: shortened(message), stack: shortened(stack + details) }
    }

    fn from_syntax_error(error: &SyntaxError, name: &str) -> Self {
        Self {
            message: format!("SyntaxError: {}", error.message),
            stack: format!("{FRAME}{name}:{}:{}", error.line, error.column),
            details: String::new(),
        }
    }

    /// The value that code threw while it was called by nobody who could catch it.
    fn uncaught(scope: &mut v8::PinScope<'_, '_>, intrinsics: &Intrinsics) -> Option<Self> {
        let Uncaught(thrown) = scope.remove_slot::<Uncaught>()?;
        let thrown = v8::Local::new(scope, thrown);
        Some(describe(scope, intrinsics, thrown))
    }

    /// A failure of deno_core's own.
    fn from_core_error(error: CoreError) -> Self {
        match error.into_kind() {
            CoreErrorKind::Js(error) => Self::from_js_error(&error),
            other => Self::bare(&other.to_string()),
        }
    }

    fn from_js_error(error: &JsError) -> Self {
        Self {
            message: without_uncaught(&error.exception_message).to_owned(),
            stack: frames_in(error.stack.as_deref().unwrap_or_default()),
            details: String::new(),
        }
    }

    /// An error that code reported while it was called by nobody who could catch it, such as a listener
    /// of an event; deno_core then terminates what runs.
    fn reported(scope: &mut v8::PinScope<'_, '_>, intrinsics: &Intrinsics) -> Self {
        let nothing = v8::undefined(scope).into();
        // Ends the termination as well.
        let error = exception_to_err(scope, nothing, false, true);
        Self::uncaught(scope, intrinsics).unwrap_or_else(|| Self::from_js_error(&error))
    }
}

/// How V8 and deno_core begin the message of an exception that nobody caught.
fn without_uncaught(message: &str) -> &str {
    let message = message.strip_prefix("Uncaught ").unwrap_or(message);
    message.strip_prefix("(in promise) ").unwrap_or(message)
}

/// Longest text of an error, in bytes; a script can make it as long as memory allows.
const MAX_ERROR_TEXT: usize = 256 << 10;

fn shortened(mut text: String) -> String {
    if text.len() > MAX_ERROR_TEXT {
        text.truncate(text.floor_char_boundary(MAX_ERROR_TEXT));
        text.push('…');
    }
    text
}

/// Tells V8 that somebody looks at the promise: its rejection is this run's outcome.
fn expect_rejection(scope: &mut v8::PinScope<'_, '_>, promise: v8::Local<'_, v8::Promise>) {
    let nothing = v8::Function::new(
        scope,
        |_: &mut v8::PinScope<'_, '_>, _: v8::FunctionCallbackArguments<'_>, _: v8::ReturnValue<'_>| {},
    );
    if let Some(nothing) = nothing {
        promise.catch(scope, nothing);
    }
}

fn text_of(
    scope: &mut v8::PinScope<'_, '_>,
    intrinsics: &Intrinsics,
    value: v8::Local<'_, v8::Value>,
) -> String {
    if let Some(text) = text_of_primitive(scope, value) {
        return text;
    }
    let undefined = v8::undefined(scope).into();
    let to_text = v8::Local::new(scope, &intrinsics.to_text);
    match to_text.call(scope, undefined, &[value]) {
        Some(text) => text.to_rust_string_lossy(scope),
        None => "[value that cannot be shown]".to_owned(),
    }
}

/// What `bootstrap.js` makes of a primitive value, if V8 makes the same of it by itself; runs no code of anybody's.
fn text_of_primitive(scope: &v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<String> {
    let same = value.is_string() || value.is_number() || value.is_boolean() || value.is_null_or_undefined();
    same.then(|| value.to_rust_string_lossy(scope))
}

/// To be called within a try-catch scope that has caught nothing: looking at a thrown value can run
/// code of the script's.
pub(super) fn describe(
    scope: &mut v8::PinScope<'_, '_>,
    intrinsics: &Intrinsics,
    thrown: v8::Local<'_, v8::Value>,
) -> Thrown {
    let as_error = if thrown.is_native_error() { thrown.to_string(scope) } else { None };
    let (message, details) = match as_error {
        Some(text) => (text.to_rust_string_lossy(scope), details_of(scope, intrinsics, thrown)),
        None => (format!("Uncaught {}", text_of(scope, intrinsics, thrown)), String::new()),
    };
    Thrown { message, stack: frames_of(scope, thrown), details }
}

/// What an error holds besides its name, message and frames.
fn details_of(
    scope: &mut v8::PinScope<'_, '_>,
    intrinsics: &Intrinsics,
    error: v8::Local<'_, v8::Value>,
) -> String {
    let undefined = v8::undefined(scope).into();
    let details_of = v8::Local::new(scope, &intrinsics.details_of);
    let details = details_of.call(scope, undefined, &[error]);
    details.map_or_else(String::new, |details| details.to_rust_string_lossy(scope))
}

fn frames_of(scope: &mut v8::PinScope<'_, '_>, thrown: v8::Local<'_, v8::Value>) -> String {
    let Ok(object) = v8::Local::<v8::Object>::try_from(thrown) else { return String::new() };
    let stack = v8::String::new(scope, "stack").and_then(|key| object.get(scope, key.into()));
    match stack {
        Some(stack) if stack.is_string() => frames_in(&stack.to_rust_string_lossy(scope)),
        Some(_) | None => String::new(),
    }
}

/// The frames in an error's `stack`, without the message that precedes them.
fn frames_in(stack: &str) -> String {
    let frames: Vec<_> = stack.lines().filter(|line| line.starts_with(FRAME)).collect();
    frames.join("\n")
}
