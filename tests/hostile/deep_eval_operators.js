// expect: failed | RangeError: Maximum call stack size exceeded
(0, eval)("!".repeat(1e6) + "1");
