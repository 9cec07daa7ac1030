// expect: failed | Out of memory: V8 heap limit exceeded
const set = new Set();
for (let i = 0; ; i++) set.add("s" + i);
