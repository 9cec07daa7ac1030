// expect: timed_out
// flags: --execution-timeout 1
let last;
for (let i = 0; ; i++) last = { i };
