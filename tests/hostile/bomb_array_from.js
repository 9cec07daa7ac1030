// expect: failed | RangeError: Invalid array length
Array.from({ length: 2 ** 32 });
