// expect: failed | Out of memory: V8 heap limit exceeded
const map = new Map();
for (let i = 0; ; i++) map.set(i, { i });
