// expect: timed_out/failed
// flags: --execution-timeout 2 --heap-memory-max 512
let x = 3n;
for (;;) x *= x;
