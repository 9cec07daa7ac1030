// expect: completed/failed/timed_out | undefined ; Too much console output
// flags: --execution-timeout 3
for (let i = 0; i < 1e6; i++) console.log();
