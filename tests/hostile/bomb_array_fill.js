// expect: failed | Out of memory
new Array(1e9).fill(0);
