// expect: failed
Array.from({ length: 2 ** 32 });
