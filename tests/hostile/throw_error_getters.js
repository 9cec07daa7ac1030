// expect: failed | Uncaught [object Error]
const error = new Error("x");
for (const key of ["stack", "message", "name", "cause", "toString", "constructor"]) Object.defineProperty(error, key, { get() { throw error; } });
throw error;
