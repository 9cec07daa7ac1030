// expect: failed | Out of memory: V8 heap limit exceeded
const all = [];
for (let i = 0; ; i++) all.push((1n << 1_000_000n) + BigInt(i));
