// expect: timed_out
// flags: --execution-timeout 1
/(x+x+)+y/.exec("x".repeat(60));
