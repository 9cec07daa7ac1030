// expect: failed | the result is too long
// flags: --heap-memory-max 256
"x".repeat(17 << 20);
