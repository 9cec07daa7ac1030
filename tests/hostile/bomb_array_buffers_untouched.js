// expect: failed | RangeError: Array buffer allocation failed
const all = [];
for (;;) all.push(new ArrayBuffer(1 << 26));
