// expect: completed/timed_out | 7525750
// flags: --execution-timeout 2 --heap-memory-max 512 --stateless
const x = (1n << 25_000_000n) - 1n;
x.toString().length;
