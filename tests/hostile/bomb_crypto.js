// expect: failed/timed_out | RangeError: Array buffer allocation failed ; Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (;;) all.push(crypto.randomUUID(), await crypto.subtle.digest("SHA-512", new Uint8Array(1 << 16)));
