// expect: completed | ok
// then: typeof console => undefined
globalThis.console = undefined;
"ok";
