// expect: timed_out
// flags: --execution-timeout 1
[3, 2, 1].sort(() => { for (;;); });
