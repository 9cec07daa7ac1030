// expect: failed | RangeError
const all = [];
for (;;) all.push(new Blob([new Uint8Array(1 << 22).fill(7)]));
