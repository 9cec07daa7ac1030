// expect: timed_out
// flags: --execution-timeout 1
for (;;) Date.parse("2020-01-01T00:00:00Z" + "x".repeat(1000));
