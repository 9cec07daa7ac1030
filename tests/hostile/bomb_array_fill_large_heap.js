// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --heap-memory-max 1024 --execution-timeout 3
new Array(1e9).fill(0).length;
