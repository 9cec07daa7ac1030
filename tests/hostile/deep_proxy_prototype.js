// expect: failed | RangeError: Maximum call stack size exceeded
const p = new Proxy({}, {});
Object.setPrototypeOf(p, p);
p.x;
