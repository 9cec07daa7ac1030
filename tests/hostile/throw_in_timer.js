// expect: failed | Error: in timer
setTimeout(() => { throw new Error("in timer"); }, 1);
await new Promise((resolve) => setTimeout(resolve, 50));
