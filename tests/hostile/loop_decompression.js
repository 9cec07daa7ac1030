// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 2 --stateless
const zeros = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 20)); } });
const opened = zeros.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"));
let total = 0;
for await (const piece of opened) total += piece.length;
