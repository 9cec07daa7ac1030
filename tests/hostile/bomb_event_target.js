// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
const target = new EventTarget();
for (;;) target.addEventListener("x", () => {});
