// expect: failed | Error: x
// flags: --heap-memory-max 256
const error = new Error("x");
error.stack = "    at evil\n".repeat(4 << 20);
throw error;
