// expect: timed_out
// flags: --execution-timeout 1
({ toJSON() { for (;;); } });
