// expect: failed | Out of memory
let promise = Promise.resolve();
for (;;) promise = promise.then(() => {});
