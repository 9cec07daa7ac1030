// expect: failed/completed/timed_out
// flags: --execution-timeout 3
new RegExp("(a)".repeat(1 << 16)).test("a".repeat(1 << 16));
