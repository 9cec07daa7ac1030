// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 2
for (let i = 0; ; i++) (0, eval)(`var v${i} = ${i}`);
