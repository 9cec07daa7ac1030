// expect: failed
const all = [];
for (;;) all.push(new ArrayBuffer(1 << 26));
