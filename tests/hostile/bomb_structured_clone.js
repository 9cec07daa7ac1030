// expect: failed/timed_out | RangeError: Maximum call stack size exceeded
let value = [1, 2, 3];
for (;;) value = structuredClone([value, value.slice()]);
