// expect: failed | Out of memory
// flags: --execution-timeout 3
for (let i = 0; i < 2e6; i++) setTimeout(() => {}, 1e6 + i);
