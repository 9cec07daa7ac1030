// expect: timed_out/failed
// flags: --execution-timeout 2
Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);
