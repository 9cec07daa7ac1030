// expect: failed | RangeError: Invalid string length
"x".repeat(2 ** 30);
