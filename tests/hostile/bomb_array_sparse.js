// expect: failed | Out of memory
const all = [];
for (let i = 0; ; i += 5000) all[i] = i;
