// expect: timed_out
// flags: --execution-timeout 2
Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0);
