// expect: failed/timed_out
const target = new EventTarget();
for (;;) target.addEventListener("x", () => {});
