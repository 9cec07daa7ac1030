// expect: failed
new Array(2 ** 31).join("abc");
