// expect: failed/timed_out
const text = "€".repeat(1 << 20), all = [];
for (;;) all.push(new TextEncoder().encode(text));
