// expect: failed | Error: in microtask
queueMicrotask(() => { throw new Error("in microtask"); });
await new Promise((resolve) => setTimeout(resolve, 5));
