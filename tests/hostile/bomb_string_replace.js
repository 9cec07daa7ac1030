// expect: failed | RangeError: Invalid string length
"a".repeat(1 << 20).replace(/a/g, "b".repeat(1 << 20));
