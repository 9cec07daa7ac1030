// expect: failed | Uncaught undefined
throw undefined;
