// expect: failed | RangeError: the result is too long
// flags: --heap-memory-max 512
new Array(1 << 22).fill("abcdef");
