// expect: failed | RangeError: Array buffer allocation failed
const all = [];
for (;;) all.push(new SharedArrayBuffer(1 << 24, { maxByteLength: 1 << 30 }));
