// expect: failed | RangeError: Map maximum size exceeded
// flags: --heap-memory-max 4096 --execution-timeout 20
const map = new Map();
for (let i = 0; ; i++) map.set(i, i);
