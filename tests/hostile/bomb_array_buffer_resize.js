// expect: failed | RangeError
const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 34 });
for (let size = 1 << 20; ; size *= 2) { buffer.resize(size); new Uint8Array(buffer).fill(1); }
