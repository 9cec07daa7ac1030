// expect: failed
await WebAssembly.compileStreaming("x");
