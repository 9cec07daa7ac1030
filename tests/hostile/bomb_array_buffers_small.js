// expect: failed | Out of memory: V8 heap limit exceeded
const all = [];
for (;;) all.push(new ArrayBuffer(100));
