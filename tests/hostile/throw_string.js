// expect: failed | Uncaught
throw "connection timed out";
