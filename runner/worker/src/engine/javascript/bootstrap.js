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
    Error,
    Float64Array,
    JSONStringify,
    NumberIsFinite,
    ObjectDefineProperty,
    ObjectFreeze,
    ObjectHasOwn,
    ObjectPrototype,
    ObjectPrototypeIsPrototypeOf,
    ObjectSetPrototypeOf,
    PromisePrototypeThen,
    ReflectApply,
    ReflectGetOwnPropertyDescriptor,
    ReflectGetPrototypeOf,
    ReflectOwnKeys,
    SafeArrayIterator,
    SafeSet,
    SafeWeakSet,
    String,
    StringPrototypeEndsWith,
    StringPrototypeRepeat,
    StringPrototypeSlice,
    StringPrototypeStartsWith,
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
  // The global object is an event target. What Deno calls in its own event targets is no method of the platform's.
  define("self", window, false);
  delete event.EventTarget.prototype.getParent;
  ObjectSetPrototypeOf(window, event.EventTarget.prototype);
  const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
  define(webidl.brand, webidl.brand, false);
  event.setEventTargetData(window);
  event.saveGlobalThisReference(window);
  event.defineEventHandler(window, "error", undefined, true);
  event.defineEventHandler(window, "unhandledrejection");
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

  // --- What an error holds besides its name, message and frames ---

  const inspectDetailsOptions = { __proto__: null, ...inspectOptions, iterableLimit: 20 };
  const SAID = new SafeSet(["name", "message", "stack", "constructor"]);
  const SHOWN_ALWAYS = new SafeSet(["cause", "errors"]);
  const MAX_DETAILS = 50;
  const NO_STACK = "Error\n    at _";
  // What deno_core makes the code of every import that fails, for whatever reason.
  const IMPORT_FAILED = "ERR_MODULE_NOT_FOUND";

  // The error's cause, the errors it stands for and its own properties, as the inspector shows them: ` {`, a line for
  // each, `}`. Empty if there are none. What is inspected is another error, which has nothing else to show and runs
  // no code of the script's.
  const detailsOf = (error) => {
    const shown = new Error();
    ObjectDefineProperty(shown, "stack", { __proto__: null, value: NO_STACK });
    ObjectDefineProperty(shown, "name", { __proto__: null, value: "Error" });
    let count = 0;
    for (const key of new SafeArrayIterator(ReflectOwnKeys(error))) {
      if (typeof key !== "string" || SAID.has(key)) continue;
      const property = ReflectGetOwnPropertyDescriptor(error, key);
      if (!ObjectHasOwn(property, "value") || property.value === IMPORT_FAILED) continue;
      if (!property.enumerable && !SHOWN_ALWAYS.has(key)) continue;
      ObjectDefineProperty(shown, key, { __proto__: null, ...property });
      if (++count === MAX_DETAILS) break;
    }
    if (count === 0) return "";
    try {
      const text = console_.inspect(shown, inspectDetailsOptions);
      return StringPrototypeStartsWith(text, NO_STACK) ? StringPrototypeSlice(text, NO_STACK.length) : "";
    } catch {
      return "";
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
    // There is no screen to clear.
    method("clear", () => {
      depth = 0;
    });
    return console;
  };

  // --- What is known only within a run: shared with the host, which sets it to zero when a run starts ---

  const ofRun = new Uint32Array(2);
  // How many random numbers of the pool are left.
  const LEFT = 0;
  // Whether the time origin has been worked out.
  const HAS_ORIGIN = 1;

  // --- Math.random: V8's own keeps its state where it cannot be seeded anew ---

  const POOL = 64;
  const pool = new Float64Array(POOL);
  ObjectDefineProperty(window.Math, "random", {
    __proto__: null,
    value: {
      random() {
        if (ofRun[LEFT] === 0) {
          op_stasis_fill_random(pool);
          ofRun[LEFT] = POOL;
        }
        return pool[--ofRun[LEFT]];
      },
    }.random,
    writable: true,
    enumerable: false,
    configurable: true,
  });

  // --- performance.timeOrigin: the clock stands still while a heap is stored, so each run has its own ---

  const timeOrigin = ReflectGetOwnPropertyDescriptor(performance_.Performance.prototype, "timeOrigin");
  ObjectDefineProperty(performance_.Performance.prototype, "timeOrigin", {
    __proto__: null,
    ...timeOrigin,
    get: ReflectGetOwnPropertyDescriptor({
      get timeOrigin() {
        if (ofRun[HAS_ORIGIN] === 0) {
          performance_.setTimeOrigin();
          ofRun[HAS_ORIGIN] = 1;
        }
        return ReflectApply(timeOrigin.get, this, []);
      },
    }, "timeOrigin").get,
  });

  // --- Atomics.waitAsync: V8 keeps its deadline to itself, so a timer keeps the event loop waiting ---

  const { setTimeout, clearTimeout } = timers;
  const { waitAsync } = window.Atomics;
  ObjectDefineProperty(window.Atomics, "waitAsync", {
    __proto__: null,
    value: {
      waitAsync(typedArray, index, value, timeout) {
        const waiting = waitAsync(typedArray, index, value, timeout);
        if (waiting.async && NumberIsFinite(timeout)) {
          // V8's deadline comes first.
          const timer = setTimeout(() => {}, timeout + 2);
          PromisePrototypeThen(waiting.value, () => clearTimeout(timer));
        }
        return waiting;
      },
    }.waitAsync,
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
      detailsOf,
      ofRun,
      offer: makeOffer(),
      preload: makePreload(),
      __processTimers,
      __drainNextTickAndMacrotasks,
    };
  });
  ObjectDefineProperty(window, "bootstrap", { __proto__: null, value: boot, configurable: true });
})(globalThis);
