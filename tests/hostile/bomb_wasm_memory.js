// expect: failed | RangeError
const all = [];
for (;;) { const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); while (true) { try { memory.grow(256); } catch { break; } } new Uint8Array(memory.buffer).fill(1); all.push(memory); }
