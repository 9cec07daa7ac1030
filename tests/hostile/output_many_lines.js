// expect: failed/timed_out | Too much console output
// flags: --execution-timeout 3
for (let i = 0; i < 1e7; i++) console.log("line", i);
