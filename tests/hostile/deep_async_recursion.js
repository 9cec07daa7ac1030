// expect: failed | RangeError: Maximum call stack size exceeded
const f = async () => await f();
await f();
