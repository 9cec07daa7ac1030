// expect: timed_out
// flags: --execution-timeout 1
await { then() { for (;;); } };
