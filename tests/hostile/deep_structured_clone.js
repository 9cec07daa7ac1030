// expect: failed | RangeError: Maximum call stack size exceeded
let o = {};
for (let i = 0; i < 1e5; i++) o = { o };
structuredClone(o);
