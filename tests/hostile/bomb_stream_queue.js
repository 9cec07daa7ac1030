// expect: failed/timed_out | RangeError: Array buffer allocation failed
// flags: --execution-timeout 3
const stream = new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(1 << 20)); } });
stream;
