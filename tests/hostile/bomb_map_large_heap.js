// expect: failed/timed_out
// flags: --heap-memory-max 4096 --execution-timeout 3
const map = new Map();
for (let i = 0; ; i++) map.set(i, i);
