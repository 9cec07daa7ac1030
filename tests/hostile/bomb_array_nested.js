// expect: failed | Out of memory
let all = [1];
for (;;) all = [...all, ...all];
