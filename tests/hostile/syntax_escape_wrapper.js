// expect: failed | SyntaxError
1; } finally { globalThis.escaped = 1; } })(); (() => { try {
