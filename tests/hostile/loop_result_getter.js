// expect: timed_out
// flags: --execution-timeout 1
({ get a() { for (;;); } });
