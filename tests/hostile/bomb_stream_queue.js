// expect: failed/timed_out
// flags: --execution-timeout 3
const stream = new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(1 << 20)); } });
stream;
