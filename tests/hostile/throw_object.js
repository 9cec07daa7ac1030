// expect: failed | Uncaught {"a":1}
throw { a: 1 };
