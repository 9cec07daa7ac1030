// expect: failed | RangeError: Maximum call stack size exceeded
const o = { [Symbol.toPrimitive]() { return +this; } };
+o;
