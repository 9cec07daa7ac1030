// expect: timed_out/failed
// flags: --execution-timeout 2
for (let i = 0; ; i++) (0, eval)(`var v${i} = ${i}`);
