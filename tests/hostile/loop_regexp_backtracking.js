// expect: timed_out
// flags: --execution-timeout 1
/^(a+)+$/.test("a".repeat(50) + "!");
