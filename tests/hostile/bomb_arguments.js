// expect: failed | RangeError
Math.max(...new Array(1e6).fill(0)) + String.fromCharCode.apply(null, new Array(2e6));
