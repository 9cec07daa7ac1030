// expect: failed | Too much console output
// flags: --heap-memory-max 512
console.log("x".repeat(100_000_000));
