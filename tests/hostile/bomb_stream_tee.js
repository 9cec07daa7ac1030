// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
let i = 0;
const stream = new ReadableStream({ pull(c) { c.enqueue({ i: i++, fill: new Array(100).fill(i) }); } });
const [left, right] = stream.tee();
for await (const _ of left);
