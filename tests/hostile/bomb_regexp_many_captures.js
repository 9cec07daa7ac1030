// expect: failed/timed_out | SyntaxError: Invalid regular expression
// flags: --execution-timeout 3
new RegExp("(a)".repeat(1 << 16)).test("a".repeat(1 << 16));
