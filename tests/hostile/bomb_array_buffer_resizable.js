// expect: failed | RangeError: Array buffer allocation failed
const all = [];
for (;;) all.push(new ArrayBuffer(0, { maxByteLength: 2 ** 32 }));
