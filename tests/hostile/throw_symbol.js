// expect: failed | Uncaught Symbol(s)
throw Symbol("s");
