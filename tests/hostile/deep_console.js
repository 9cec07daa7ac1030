// expect: completed | done
// flags: --heap-memory-max 256
let o = new Map();
for (let i = 0; i < 1e5; i++) o = new Map([[o, [o]]]);
console.log(o, { o });
"done";
