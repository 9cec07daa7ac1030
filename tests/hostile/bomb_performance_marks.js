// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
for (let i = 0; ; i++) performance.mark("m" + i, { detail: new Array(100).fill(i) });
