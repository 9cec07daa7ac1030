// expect: failed | Error: x
const error = new Error("x");
error.stack = { toString() { throw 1; } };
throw error;
