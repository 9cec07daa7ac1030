// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 2
Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);
