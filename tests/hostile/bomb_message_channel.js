// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (;;) { const channel = new MessageChannel(); channel.port1.postMessage(new Array(1000).fill("x")); all.push(channel); }
