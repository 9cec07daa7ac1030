// expect: failed | RangeError: Invalid string length
new Array(2 ** 31).join("abc");
