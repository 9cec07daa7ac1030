// expect: timed_out
// flags: --execution-timeout 1
Array.prototype.forEach.call({ length: Number.MAX_SAFE_INTEGER }, () => {});
