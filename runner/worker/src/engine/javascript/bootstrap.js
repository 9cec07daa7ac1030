// Runs once, while the start-up snapshot is made: puts the web platform's classes on the global object
// and leaves one function, `boot`, for what can only be done in a running process. Nothing of
// deno_core stays reachable for user code.
"use strict";

((window) => {
  const { core, primordials } = window.__bootstrap;
  const {
    op_stasis_console,
    op_stasis_fill_random,
    Crypto,
  } = core.ops;
  const {
    ArrayIsArray,
    ArrayPrototypeJoin,
    ArrayPrototypeMap,
    Float64Array,
    JSONStringify,
    ObjectDefineProperty,
    ObjectFreeze,
    ObjectPrototype,
    ObjectPrototypeIsPrototypeOf,
    ObjectSetPrototypeOf,
    ReflectGetOwnPropertyDescriptor,
    ReflectGetPrototypeOf,
    SafeArrayIterator,
    SafeWeakSet,
    String,
    StringPrototypeEndsWith,
    StringPrototypeRepeat,
    StringPrototypeSlice,
    StringPrototypeReplaceAll,
    SymbolFor,
    TypeError,
    Uint32Array,
  } = primordials;

  const load = (file) => core.loadExtScript(`ext:deno_web/${file}.js`);
  load("00_infra");
  const url = load("00_url");
  const console_ = load("01_console");
  const domException = load("01_dom_exception");
  const urlPattern = load("01_urlpattern");
  const event = load("02_event");
  load("02_structured_clone");
  const timers = load("02_timers");
  const abortSignal = load("03_abort_signal");
  load("04_global_interfaces");
  const base64 = load("05_base64");
  const streams = load("06_streams");
  const encoding = load("08_text_encoding");
  const file = load("09_file");
  const fileReader = load("10_filereader");
  const messagePort = load("13_message_port");
  const compression = load("14_compression");
  const performance_ = load("15_performance");
  // The method that crypto replaces by one that hands out UUIDs from a batch: two runs that start
  // from one heap would hand out the same ones.
  const randomUUID = Crypto.prototype.randomUUID;
  const crypto_ = core.loadExtScript("ext:deno_crypto/00_crypto.js");
  ObjectDefineProperty(Crypto.prototype, "randomUUID", {
    __proto__: null,
    value: randomUUID,
    writable: true,
    enumerable: true,
    configurable: true,
  });

  const fetch_ = core.loadExtScript("ext:stasis/fetch.js");
  const { fs } = core.loadExtScript("ext:stasis/fs.js");
  core.loadExtScript("ext:stasis/node_fs.js");

  const define = (name, value, enumerable) =>
    ObjectDefineProperty(window, name, {
      __proto__: null,
      value,
      writable: true,
      enumerable,
      configurable: true,
    });

  const classes = {
    __proto__: null,
    AbortController: abortSignal.AbortController,
    AbortSignal: abortSignal.AbortSignal,
    Blob: file.Blob,
    ByteLengthQueuingStrategy: streams.ByteLengthQueuingStrategy,
    CloseEvent: event.CloseEvent,
    CompressionStream: compression.CompressionStream,
    CountQueuingStrategy: streams.CountQueuingStrategy,
    Crypto: crypto_.Crypto,
    CryptoKey: crypto_.CryptoKey,
    CustomEvent: event.CustomEvent,
    DOMException: domException.DOMException,
    DecompressionStream: compression.DecompressionStream,
    ErrorEvent: event.ErrorEvent,
    Event: event.Event,
    EventTarget: event.EventTarget,
    File: file.File,
    FileReader: fileReader.FileReader,
    FormData: fetch_.FormData,
    Headers: fetch_.Headers,
    MessageChannel: messagePort.MessageChannel,
    MessageEvent: event.MessageEvent,
    MessagePort: messagePort.MessagePort,
    Performance: performance_.Performance,
    PerformanceEntry: performance_.PerformanceEntry,
    PerformanceMark: performance_.PerformanceMark,
    PerformanceMeasure: performance_.PerformanceMeasure,
    PromiseRejectionEvent: event.PromiseRejectionEvent,
    ProgressEvent: event.ProgressEvent,
    ReadableByteStreamController: streams.ReadableByteStreamController,
    ReadableStream: streams.ReadableStream,
    ReadableStreamBYOBReader: streams.ReadableStreamBYOBReader,
    ReadableStreamBYOBRequest: streams.ReadableStreamBYOBRequest,
    ReadableStreamDefaultController: streams.ReadableStreamDefaultController,
    ReadableStreamDefaultReader: streams.ReadableStreamDefaultReader,
    Request: fetch_.Request,
    Response: fetch_.Response,
    SubtleCrypto: crypto_.SubtleCrypto,
    TextDecoder: encoding.TextDecoder,
    TextDecoderStream: encoding.TextDecoderStream,
    TextEncoder: encoding.TextEncoder,
    TextEncoderStream: encoding.TextEncoderStream,
    TransformStream: streams.TransformStream,
    TransformStreamDefaultController: streams.TransformStreamDefaultController,
    URL: url.URL,
    URLPattern: urlPattern.URLPattern,
    URLSearchParams: url.URLSearchParams,
    WritableStream: streams.WritableStream,
    WritableStreamDefaultController: streams.WritableStreamDefaultController,
    WritableStreamDefaultWriter: streams.WritableStreamDefaultWriter,
  };
  for (const name in classes) {
    define(name, classes[name], false);
  }
  const functions = {
    __proto__: null,
    atob: base64.atob,
    btoa: base64.btoa,
    clearInterval: timers.clearInterval,
    clearTimeout: timers.clearTimeout,
    performance: performance_.performance,
    queueMicrotask: window.queueMicrotask,
    reportError: event.reportError,
    setInterval: timers.setInterval,
    setTimeout: timers.setTimeout,
    structuredClone: messagePort.structuredClone,
  };
  for (const name in functions) {
    define(name, functions[name], true);
  }
  // The global object is an event target.
  define("self", window, false);
  ObjectSetPrototypeOf(window, event.EventTarget.prototype);
  const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
  define(webidl.brand, webidl.brand, false);
  event.setEventTargetData(window);
  event.saveGlobalThisReference(window);
  core.setReportExceptionCallback(event.reportException);
  // What a run has asked of its host and did not wait for fails in the next run, which is not to blame.
  const ended = new SafeWeakSet();
  core.registerErrorBuilder("StasisRunEnded", (message) => {
    const error = new TypeError(message);
    ended.add(error);
    return error;
  });
  core.setUnhandledPromiseRejectionHandler((promise, reason) => {
    if (ended.has(reason)) return true;
    const rejection = new event.PromiseRejectionEvent("unhandledrejection", {
      cancelable: true,
      promise,
      reason,
    });
    // Not `window.dispatchEvent`: a script may give the global object another prototype.
    event.dispatch(window, rejection);
    return rejection.defaultPrevented;
  });

  // --- navigator: the same on every machine ---

  const languages = ObjectFreeze(["en-US"]);
  class Navigator {
    constructor() {
      webidl.illegalConstructor();
    }
    get userAgent() {
      webidl.assertBranded(this, NavigatorPrototype);
      return "Stasis";
    }
    // A run has one thread.
    get hardwareConcurrency() {
      webidl.assertBranded(this, NavigatorPrototype);
      return 1;
    }
    get language() {
      webidl.assertBranded(this, NavigatorPrototype);
      return languages[0];
    }
    get languages() {
      webidl.assertBranded(this, NavigatorPrototype);
      return languages;
    }
    [SymbolFor("Deno.privateCustomInspect")](inspect, options) {
      const shown = console_.createFilteredInspectProxy({
        object: this,
        evaluate: ObjectPrototypeIsPrototypeOf(NavigatorPrototype, this),
        keys: ["userAgent", "hardwareConcurrency", "language", "languages"],
      });
      return inspect(shown, options);
    }
  }
  webidl.configureInterface(Navigator);
  const NavigatorPrototype = Navigator.prototype;
  define("Navigator", Navigator, false);
  define("navigator", webidl.createBranded(Navigator), true);

  // Errors of native code that are DOMExceptions; deno_core knows them by these names.
  for (
    const name of [
      "AbortError",
      "DataCloneError",
      "DataError",
      "IndexSizeError",
      "InvalidAccessError",
      "InvalidCharacterError",
      "InvalidStateError",
      "NetworkError",
      "NotSupportedError",
      "OperationError",
      "QuotaExceededError",
      "SyntaxError",
      "TypeMismatchError",
    ]
  ) {
    core.registerErrorBuilder(
      `DOMException${name}`,
      (message) => new domException.DOMException(message, name),
    );
  }

  // --- How values become text (CONTRACT.md, section 2) ---

  const inspectOptions = {
    __proto__: null,
    ...console_.getDefaultInspectOptions(),
    quotes: ["'", '"', "`"],
  };

  const inspect = (value) => {
    try {
      return console_.inspect(value, inspectOptions);
    } catch {
      return "[value that cannot be shown]";
    }
  };

  const isPlain = (value) => {
    if (ArrayIsArray(value)) return true;
    const prototype = ReflectGetPrototypeOf(value);
    return prototype === ObjectPrototype || prototype === null;
  };

  // A string as it is, other primitives as String(value), plain objects and arrays as JSON, the rest
  // as the inspector shows it. A value whose JSON fails (a cycle, a BigInt, a getter that throws) or
  // does not exist is the inspector's too.
  const toText = (value) => {
    switch (typeof value) {
      case "string":
        return value;
      case "object": {
        if (value === null) return "null";
        try {
          if (isPlain(value)) {
            const json = JSONStringify(value);
            if (typeof json === "string") return json;
          }
        } catch {
          // Shown below.
        }
        return inspect(value);
      }
      case "function":
        return inspect(value);
      default:
        return String(value);
    }
  };

  // --- console ---

  const LEVELS = { __proto__: null, log: 0, debug: 1, trace: 2, info: 3, warn: 4, error: 5 };

  const makeConsole = () => {
    let depth = 0;
    const print = (level, text) => {
      if (depth > 0) {
        const indent = StringPrototypeRepeat("  ", depth);
        text = indent + StringPrototypeReplaceAll(text, "\n", `\n${indent}`);
      }
      op_stasis_console(level, text);
    };
    // What is not overridden below (table, dir, time, count, assert and so on) is Deno's. It tells levels
    // apart by number: 0 debug, 1 log and info, 2 warn, 3 error; and ends each text with a newline.
    const fromDeno = [LEVELS.debug, LEVELS.log, LEVELS.warn, LEVELS.error];
    console_.setNoColorFns(() => true, () => true);
    const console = new console_.Console((text, level) => {
      if (StringPrototypeEndsWith(text, "\n")) text = StringPrototypeSlice(text, 0, -1);
      print(fromDeno[level] ?? LEVELS.log, text);
    });
    const method = (name, value) =>
      ObjectDefineProperty(console, name, {
        __proto__: null,
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    for (const name in LEVELS) {
      const level = LEVELS[name];
      // A method, so that it has no prototype property and its name is the property's.
      method(name, {
        [name](...values) {
          print(level, ArrayPrototypeJoin(ArrayPrototypeMap(values, toText), " "));
        },
      }[name]);
    }
    const group = (...values) => {
      if (values.length > 0) console.log(...values);
      depth = depth < 100 ? depth + 1 : depth;
    };
    method("group", group);
    method("groupCollapsed", group);
    method("groupEnd", () => {
      depth = depth > 0 ? depth - 1 : 0;
    });
    return console;
  };

  // --- Math.random: V8's own keeps its state where it cannot be seeded anew ---

  const POOL = 64;
  const pool = new Float64Array(POOL);
  // How many numbers of the pool are left; shared with the host, which sets it to zero when a run
  // starts.
  const left = new Uint32Array(1);
  ObjectDefineProperty(window.Math, "random", {
    __proto__: null,
    value: {
      random() {
        if (left[0] === 0) {
          op_stasis_fill_random(pool);
          left[0] = POOL;
        }
        return pool[--left[0]];
      },
    }.random,
    writable: true,
    enumerable: false,
    configurable: true,
  });

  // --- What reaches outside: there when the server's operator allows it ---

  const makeOffer = () => {
    const streaming = fetch_.streaming(window.WebAssembly);
    const offered = {
      __proto__: null,
      fetch: [
        [window, "fetch", fetch_.fetch],
        [window.WebAssembly, "compileStreaming", streaming.compileStreaming],
        [window.WebAssembly, "instantiateStreaming", streaming.instantiateStreaming],
      ],
      fs: [[window, "fs", fs]],
    };
    return (what, there) => {
      for (const [object, name, value] of new SafeArrayIterator(offered[what])) {
        if (there) {
          const enumerable = object === window;
          ObjectDefineProperty(object, name, {
            __proto__: null,
            value,
            writable: true,
            enumerable,
            configurable: true,
          });
        } else if (ReflectGetOwnPropertyDescriptor(object, name)?.value === value) {
          delete object[name];
        }
      }
    };
  };

  // --- WebAssembly modules that the server's operator gives to every run ---

  const makePreload = () => {
    const { Module, Instance } = window.WebAssembly;
    return (name, bytes, instantiate) => {
      const module = new Module(bytes);
      define(`__wasm_${name}`, module, false);
      if (instantiate) define(name, new Instance(module).exports, false);
    };
  };

  const { __processTimers, __drainNextTickAndMacrotasks } = core;
  const console = makeConsole();

  // What the host calls; see engine/mod.rs. V8 compiles at once, for the snapshot, what is in parentheses.
  const boot = (() => {
    define("console", console, false);
    define("crypto", crypto_.crypto, true);
    void crypto_.crypto.subtle;
    performance_.setTimeOrigin();
    // They want a callback that feeds them from a network.
    delete window.WebAssembly.compileStreaming;
    delete window.WebAssembly.instantiateStreaming;
    // V8 hands these out again with each new global object.
    for (const name of ["Deno", "__bootstrap", "__infra", "__timers", "bootstrap"]) {
      delete window[name];
    }
    return {
      __proto__: null,
      toText,
      left,
      offer: makeOffer(),
      preload: makePreload(),
      __processTimers,
      __drainNextTickAndMacrotasks,
    };
  });
  ObjectDefineProperty(window, "bootstrap", { __proto__: null, value: boot, configurable: true });
})(globalThis);
