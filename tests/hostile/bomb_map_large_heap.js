// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --heap-memory-max 4096 --execution-timeout 3
const map = new Map();
for (let i = 0; ; i++) map.set(i, i);
