// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 2 --heap-memory-max 512
let x = 3n;
for (;;) x *= x;
