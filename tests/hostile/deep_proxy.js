// expect: failed | RangeError: Maximum call stack size exceeded ; Out of memory: V8 heap limit exceeded
let p = {};
for (let i = 0; i < 1e5; i++) p = new Proxy(p, {});
p.x;
