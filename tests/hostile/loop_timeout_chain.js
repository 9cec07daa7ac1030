// expect: timed_out
// flags: --execution-timeout 1
const next = () => setTimeout(next);
next();
await new Promise(() => {});
