// expect: failed | Out of memory
const all = [];
for (;;) all.push({ a: 1, b: [1, 2, 3] });
