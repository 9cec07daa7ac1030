//! What a module may be called.

use std::{fmt, str::FromStr};

/// What a module is called: the global variable in which scripts find its exports.
///
/// It is a JavaScript identifier that means nothing else in a script, so that neither the runtime nor
/// other modules lose a global to it. `crypto` is the one exception: it may be taken, and then stands for
/// the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(Box<str>);

/// Why a module cannot have a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no name.
    #[error("the name of a wasm module is empty")]
    Empty,
    /// It is longer than [`ModuleName::MAX_BYTES`].
    #[error("the name of a wasm module has {0} bytes, more than {max}", max = ModuleName::MAX_BYTES)]
    TooLong(usize),
    /// No variable can be called that.
    #[error("`{0}` is no name for a wasm module: it has to be a JavaScript identifier")]
    NotAnIdentifier(String),
    /// It means something in JavaScript.
    #[error("`{0}` is no name for a wasm module: it is a reserved word of JavaScript")]
    Reserved(String),
    /// Scripts find something else under that name.
    #[error("`{0}` is no name for a wasm module: every script has a global of that name already")]
    Global(String),
    /// `NAME` and `__wasm_NAME` are taken together.
    #[error("`{0}` is no name for a wasm module: {prefix}NAME is where the module NAME is kept", prefix = ModuleName::MODULE_PREFIX)]
    Prefix(String),
}

impl ModuleName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 128;

    /// What stands before the name in the name of the variable that holds the module itself.
    pub const MODULE_PREFIX: &str = "__wasm_";

    /// The variable for the exports of a module without imports.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The variable for the module itself.
    pub fn module_variable(&self) -> String {
        format!("{}{}", Self::MODULE_PREFIX, self.0)
    }
}

impl FromStr for ModuleName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong(name.len()));
        }
        let reason: fn(String) -> NameError = if !is_identifier(name) {
            NameError::NotAnIdentifier
        } else if RESERVED_WORDS.contains(&name) {
            NameError::Reserved
        } else if GLOBALS.contains(&name) {
            NameError::Global
        } else if name.starts_with(Self::MODULE_PREFIX) {
            NameError::Prefix
        } else {
            return Ok(Self(name.into()));
        };
        Err(reason(name.to_owned()))
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = |c| matches!(c, '$' | '_') || unicode_ident::is_xid_start(c);
    let goes_on = |c| matches!(c, '$' | '\u{200c}' | '\u{200d}') || unicode_ident::is_xid_continue(c);
    name.starts_with(starts) && name.chars().all(goes_on)
}

/// What cannot be declared, in scripts or in modules, or would not mean the variable.
#[rustfmt::skip]
const RESERVED_WORDS: &[&str] = &[
    "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default",
    "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function", "if",
    "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package", "private",
    "protected", "public", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof",
    "var", "void", "while", "with", "yield",
];

/// The globals of the runtime, with those that a capability adds and those that code for Node and for
/// browsers looks for to tell where it is. Without `crypto`: the documentation of the flag has always had
/// a module of that name for an example.
#[rustfmt::skip]
const GLOBALS: &[&str] = &[
    // ECMAScript
    "AggregateError", "Array", "ArrayBuffer", "AsyncDisposableStack", "AsyncIterator", "Atomics", "BigInt",
    "BigInt64Array", "BigUint64Array", "Boolean", "DataView", "Date", "DisposableStack", "Error", "EvalError",
    "FinalizationRegistry", "Float16Array", "Float32Array", "Float64Array", "Function", "Infinity",
    "Int16Array", "Int32Array", "Int8Array", "Intl", "Iterator", "JSON", "Map", "Math", "NaN", "Number",
    "Object", "Promise", "Proxy", "RangeError", "ReferenceError", "Reflect", "RegExp", "Set",
    "SharedArrayBuffer", "String", "SuppressedError", "Symbol", "SyntaxError", "Temporal", "TypeError",
    "URIError", "Uint16Array", "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakRef",
    "WeakSet", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "globalThis",
    "isFinite", "isNaN", "parseFloat", "parseInt", "undefined", "unescape",
    // What every object has
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__",
    "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
    "valueOf",
    // The web platform
    "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "Cache", "CacheStorage",
    "CloseEvent", "CompressionStream", "CountQueuingStrategy", "Crypto", "CryptoKey", "CustomEvent",
    "DOMException", "DecompressionStream", "ErrorEvent", "Event", "EventSource", "EventTarget", "File",
    "FileReader", "FormData", "Headers", "MessageChannel", "MessageEvent", "MessagePort", "Navigator",
    "Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "PerformanceObserver",
    "ProgressEvent", "PromiseRejectionEvent", "ReadableByteStreamController", "ReadableStream",
    "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader", "Request", "Response", "SubtleCrypto", "TextDecoder", "TextDecoderStream",
    "TextEncoder", "TextEncoderStream", "TransformStream", "TransformStreamDefaultController", "URL",
    "URLPattern", "URLSearchParams", "WebAssembly", "WebSocket", "Worker", "WritableStream",
    "WritableStreamDefaultController", "WritableStreamDefaultWriter", "addEventListener", "atob", "btoa",
    "caches", "clearInterval", "clearTimeout", "console", "dispatchEvent", "document", "fetch", "getParent",
    "indexedDB", "localStorage", "location", "navigator", "onerror", "onunhandledrejection", "performance",
    "postMessage", "queueMicrotask", "removeEventListener", "reportError", "self", "sessionStorage",
    "setInterval", "setTimeout", "structuredClone", "window",
    // Node, Deno, and this runtime
    "Buffer", "Deno", "__dirname", "__filename", "clearImmediate", "exports", "fs", "global", "mcp", "module",
    "process", "require", "setImmediate", "stasis",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<fn(String) -> NameError>) {
        let got = name.parse::<ModuleName>();
        match expect {
            None => assert_eq!(got.as_ref().map(ModuleName::as_str), Ok(name)),
            Some(reason) => assert_eq!(got, Err(reason(name.to_owned()))),
        }
    }

    #[test]
    fn identifiers() {
        for name in ["math", "_", "$", "a1", "größe", "数学", "of", "async", "wasm_x", "__wasm", "crypto"]
        {
            check(name, None);
        }
        for name in ["1a", "a-b", "a b", "a.b", " a", "a\n", "a\0", "🦀", "#a", "\\u0061", "\u{200d}a"] {
            check(name, Some(NameError::NotAnIdentifier));
        }
    }

    #[test]
    fn words_and_globals_are_taken() {
        for name in ["class", "await", "yield", "let", "null", "true", "arguments", "eval", "static"] {
            check(name, Some(NameError::Reserved));
        }
        for name in ["Math", "fetch", "fs", "console", "undefined", "globalThis", "toString", "__proto__"] {
            check(name, Some(NameError::Global));
        }
        for name in ["__wasm_", "__wasm_math"] {
            check(name, Some(NameError::Prefix));
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let longest = "a".repeat(ModuleName::MAX_BYTES);
        check(&longest, None);
        assert_eq!(format!("{longest}b").parse::<ModuleName>(), Err(NameError::TooLong(129)));
        assert_eq!("".parse::<ModuleName>(), Err(NameError::Empty));
    }

    #[test]
    fn a_module_has_two_variables() {
        let name: ModuleName = "math".parse().expect("a name");
        assert_eq!((name.as_str(), name.module_variable()), ("math", "__wasm_math".to_owned()));
    }
}
