// expect: failed | TypeError
await WebAssembly.instantiateStreaming(1);
