// expect: failed | TypeError
// flags: --heap-memory-max 256
await import("file:///" + "x".repeat(40 << 20));
