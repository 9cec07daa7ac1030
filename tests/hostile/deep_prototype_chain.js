// expect: completed | undefined
// flags: --heap-memory-max 256
let o = {};
for (let i = 0; i < 2e4; i++) o = Object.create(o);
o.missing;
