// expect: failed | Out of memory
const all = [];
for (let i = 0; ; i++) all.push(("é" + i).repeat(2 ** 16));
