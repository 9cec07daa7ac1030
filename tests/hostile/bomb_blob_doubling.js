// expect: failed/timed_out | RangeError: Array buffer allocation failed ; Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
let blob = new Blob(["x".repeat(1 << 20)]);
for (;;) { blob = new Blob([blob, blob]); await blob.slice(0, 10).arrayBuffer(); }
