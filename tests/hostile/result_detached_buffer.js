// expect: completed
const a = new Uint8Array(8);
structuredClone(a.buffer, { transfer: [a.buffer] });
a;
