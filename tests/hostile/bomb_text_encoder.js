// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
const text = "€".repeat(1 << 20), all = [];
for (;;) all.push(new TextEncoder().encode(text));
