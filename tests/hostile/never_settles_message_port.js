// expect: timed_out
// flags: --execution-timeout 2
const { port1 } = new MessageChannel();
await new Promise((resolve) => (port1.onmessage = resolve));
