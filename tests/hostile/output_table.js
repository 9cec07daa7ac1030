// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
console.table(new Array(20000).fill({ a: 1, b: 2, c: "x".repeat(100) }));
