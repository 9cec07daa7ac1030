// expect: timed_out
// flags: --execution-timeout 1
setInterval(() => {}, 0);
await new Promise(() => {});
