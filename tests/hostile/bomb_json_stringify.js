// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
let value = ["x"];
for (let i = 0; i < 30; i++) value = [value, value];
JSON.stringify(value);
