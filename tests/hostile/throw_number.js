// expect: failed | Uncaught 5
throw 5;
