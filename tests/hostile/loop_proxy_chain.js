// expect: timed_out/failed
// flags: --execution-timeout 2
const p = new Proxy({}, { get: (t, k, r) => r[k] });
p.x;
