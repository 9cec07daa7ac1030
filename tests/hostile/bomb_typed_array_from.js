// expect: failed | RangeError: Array buffer allocation failed
Float64Array.from({ length: 2 ** 31 });
