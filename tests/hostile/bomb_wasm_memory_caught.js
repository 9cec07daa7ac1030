// expect: completed | -1
const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
let seen = 1;
try { seen = memory.grow(65000); } catch { seen = -1; }
seen;
