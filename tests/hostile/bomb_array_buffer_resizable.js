// expect: failed
const all = [];
for (;;) all.push(new ArrayBuffer(0, { maxByteLength: 2 ** 32 }));
