// expect: failed/timed_out | Too much console output
// flags: --execution-timeout 2
while (true) console.log("x");
