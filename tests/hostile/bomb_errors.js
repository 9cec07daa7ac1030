// expect: failed | Out of memory
Error.stackTraceLimit = Infinity;
const all = [];
function deep(n) { return n ? deep(n - 1) : new Error("x".repeat(100)); }
for (;;) all.push(deep(1000));
