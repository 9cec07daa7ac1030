// expect: failed/timed_out | RangeError
const all = [];
for (;;) all.push(new WebAssembly.Memory({ initial: 0, maximum: 65536 }));
