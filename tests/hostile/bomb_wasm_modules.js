// expect: failed/timed_out | RangeError: Array buffer allocation failed ; Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 11);
const all = [];
for (;;) all.push(new WebAssembly.Instance(new WebAssembly.Module(bytes)));
