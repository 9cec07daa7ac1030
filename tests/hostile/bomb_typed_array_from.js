// expect: failed
Float64Array.from({ length: 2 ** 31 });
