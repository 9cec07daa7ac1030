// expect: failed/timed_out | RangeError: Maximum call stack size exceeded
// flags: --execution-timeout 2
const p = new Proxy({}, { get: (t, k, r) => r[k] });
p.x;
