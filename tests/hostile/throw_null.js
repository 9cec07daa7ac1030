// expect: failed | Uncaught null
throw null;
