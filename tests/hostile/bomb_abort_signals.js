// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (;;) { const c = new AbortController(); all.push(c, AbortSignal.any([c.signal, AbortSignal.timeout(1e6)])); }
