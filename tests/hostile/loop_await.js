// expect: timed_out
// flags: --execution-timeout 1
while (true) await null;
