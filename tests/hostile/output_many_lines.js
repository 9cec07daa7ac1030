// expect: failed/timed_out
// flags: --execution-timeout 3
for (let i = 0; i < 1e7; i++) console.log("line", i);
