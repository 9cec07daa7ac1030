// expect: failed | Uncaught undefined
await Promise.reject();
