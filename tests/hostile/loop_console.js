// expect: failed/timed_out
// flags: --execution-timeout 2
while (true) console.log("x");
