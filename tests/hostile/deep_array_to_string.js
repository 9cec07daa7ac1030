// expect: failed | RangeError: Maximum call stack size exceeded
let a = [];
for (let i = 0; i < 1e5; i++) a = [a];
String(a);
