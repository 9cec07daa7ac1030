// expect: completed/timed_out | true
// flags: --execution-timeout 3
new RegExp("(?:".repeat(500) + "a" + "){1,1000}".repeat(500)).test("a".repeat(10000));
