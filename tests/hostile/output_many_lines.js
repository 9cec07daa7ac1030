// expect: failed/timed_out
// flags: --execution-timeout 5
for (let i = 0; i < 1e7; i++) console.log("line", i);
