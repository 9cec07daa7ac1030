// expect: failed | Out of memory: V8 heap limit exceeded
const bytes = new Uint8Array(1 << 24).fill(0xff), all = [];
for (;;) all.push(new TextDecoder("utf-16le").decode(bytes));
