// expect: failed/timed_out | RangeError: Invalid string length ; Out of memory: V8 heap limit exceeded
let value = {};
for (let i = 0; i < 3000; i++) value = { a: value, b: [1, 2, 3], c: value.b };
JSON.stringify(new Array(1e5).fill(value), null, "          ");
