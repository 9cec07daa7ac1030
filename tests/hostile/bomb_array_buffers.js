// expect: failed | RangeError: Array buffer allocation failed
const all = [];
for (;;) all.push(new Uint8Array(1 << 24).fill(1));
