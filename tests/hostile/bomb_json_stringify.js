// expect: failed/timed_out
let value = ["x"];
for (let i = 0; i < 30; i++) value = [value, value];
JSON.stringify(value);
