// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (let i = 0; ; i++) all.push(class { static x = new Array(10).fill(i); #y = i; get y() { return this.#y; } });
