// expect: timed_out
// flags: --execution-timeout 1
const error = new Error("x");
Object.defineProperty(error, "stack", { get() { for (;;); } });
throw error;
