// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (let i = 0; i < 1e6; i++) all.push(new Intl.Segmenter("ja").segment("こんにちは世界".repeat(1000))[Symbol.iterator]());
