// expect: completed | []
[globalThis, Object.getPrototypeOf(globalThis), console, crypto, performance, Math, JSON, Error, WebAssembly]
  .flatMap((o) => [...Object.getOwnPropertyNames(o), ...Object.getOwnPropertySymbols(o).map(String)])
  .filter((name) => /deno|bootstrap|internal|stasis|^op_|_op_/i.test(name) && !/customInspect/i.test(name));
