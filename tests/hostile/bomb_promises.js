// expect: failed | Out of memory
const all = [];
for (;;) all.push(new Promise(() => {}));
