// expect: failed | SyntaxError
function f() { await 1; }
f();
