// expect: failed/timed_out
// flags: --execution-timeout 3
const keep = [];
for (let i = 0; ; i++) keep.push(Object.keys(JSON.parse(`{"key${i}":1}`)));
