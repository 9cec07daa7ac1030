// expect: failed | nothing can settle
await new Promise(() => {});
