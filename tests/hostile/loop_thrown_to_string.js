// expect: timed_out
// flags: --execution-timeout 1
throw Object.assign(new Error("x"), { toString() { for (;;); }, get name() { for (;;); } });
