// expect: completed | 20000
// flags: --heap-memory-max 256 --execution-timeout 20
// More requests at once than a socket's buffer holds.
let failures = 0;
const all = [];
for (let i = 0; i < 20000; i++) all.push(import(`file:///nowhere/${i}.js`).catch(() => failures++));
await Promise.all(all);
failures;
