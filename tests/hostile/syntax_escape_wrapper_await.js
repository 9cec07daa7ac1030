// expect: failed | SyntaxError
await 1; }); globalThis.escaped = true; (async () => {
