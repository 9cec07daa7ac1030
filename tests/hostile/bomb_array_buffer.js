// expect: failed | RangeError: Array buffer allocation failed
new ArrayBuffer(2 ** 33);
