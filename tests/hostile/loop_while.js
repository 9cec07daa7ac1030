// expect: timed_out | script exceeded the time limit
// flags: --execution-timeout 1
while (true);
