// expect: failed | Out of memory
const all = {};
for (let i = 0; ; i++) all["k" + i] = i;
