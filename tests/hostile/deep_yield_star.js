// expect: failed | RangeError: Maximum call stack size exceeded
function* g() { yield* g(); }
[...g()];
