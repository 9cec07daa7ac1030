// expect: failed | Uncaught  [Error]Error
const error = new Error("x");
error.message = { toString() { throw 1; } };
error.name = Symbol("name");
throw error;
