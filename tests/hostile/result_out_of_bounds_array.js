// expect: completed
const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
const view = new Uint32Array(buffer, 8);
buffer.resize(4);
view;
