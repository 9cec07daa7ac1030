// expect: timed_out
// flags: --execution-timeout 1
const endless = { then(resolve) { resolve(endless); } };
await endless;
