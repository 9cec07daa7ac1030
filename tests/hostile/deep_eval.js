// expect: failed | RangeError: Maximum call stack size exceeded
(0, eval)("(".repeat(1e5) + "1" + ")".repeat(1e5));
