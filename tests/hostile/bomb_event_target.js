// expect: failed
const target = new EventTarget();
for (;;) target.addEventListener("x", () => {});
