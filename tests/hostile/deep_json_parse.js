// expect: completed | 1
// flags: --stateless --heap-memory-max 64
JSON.parse("[".repeat(1e6) + "]".repeat(1e6)).length;
