// expect: failed | Error: xxx
// flags: --heap-memory-max 256
throw new Error("x".repeat(50 << 20));
