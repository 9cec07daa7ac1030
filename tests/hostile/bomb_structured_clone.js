// expect: failed/timed_out
let value = [1, 2, 3];
for (;;) value = structuredClone([value, value.slice()]);
