// expect: completed/timed_out | -1
// flags: --execution-timeout 2 --heap-memory-max 1024 --stateless
// V8 searches with Boyer-Moore; a pattern of this kind is its bad case.
const hay = "a".repeat(2 ** 28);
hay.indexOf("b" + "a".repeat(2 ** 14));
