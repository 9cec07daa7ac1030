// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const keep = [];
for (let i = 0; ; i++) keep.push(Object.keys(JSON.parse(`{"key${i}":1}`)));
