// expect: failed | RangeError: Maximum call stack size exceeded
function f() { return f() + 1; }
f();
