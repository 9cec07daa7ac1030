// expect: failed/timed_out/completed
// flags: --execution-timeout 3
for (let i = 0; i < 1e6; i++) console.log();
