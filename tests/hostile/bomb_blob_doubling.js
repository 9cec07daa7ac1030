// expect: failed/timed_out
// flags: --execution-timeout 3
let blob = new Blob(["x".repeat(1 << 20)]);
for (;;) { blob = new Blob([blob, blob]); await blob.slice(0, 10).arrayBuffer(); }
