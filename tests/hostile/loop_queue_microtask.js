// expect: timed_out
// flags: --execution-timeout 1
const again = () => queueMicrotask(again);
again();
await new Promise(() => {});
