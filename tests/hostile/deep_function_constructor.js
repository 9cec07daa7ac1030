// expect: failed | RangeError: Maximum call stack size exceeded
new Function("return " + "[".repeat(1e5) + "]".repeat(1e5));
