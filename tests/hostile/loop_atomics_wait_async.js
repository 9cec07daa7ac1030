// expect: failed | the script awaits a promise that nothing can settle
// flags: --execution-timeout 2
await Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(8)), 0, 0).value;
