// expect: failed | Out of memory
// flags: --execution-timeout 3
await Promise.all(Array.from({ length: 1e6 }, async (_, i) => { await null; return [i]; }));
