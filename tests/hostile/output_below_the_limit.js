// expect: completed | 60
// flags: --stateless --heap-memory-max 64
for (let i = 0; i < 60; i++) console.log("é".repeat((1 << 19) - 1));
60;
