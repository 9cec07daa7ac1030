// expect: completed
// flags: --heap-memory-max 64
({ ["k".repeat(1 << 20)]: Symbol("x"), [Symbol("y".repeat(1 << 20))]: 1n });
