// expect: failed | TypeError
await WebAssembly.compileStreaming("x");
