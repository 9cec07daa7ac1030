// expect: failed | Out of memory
// flags: --execution-timeout 3
for (let i = 0; ; i++) Symbol.for("registered" + i);
