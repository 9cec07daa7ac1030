// expect: failed | Uncaught Error
Object.defineProperty(Error.prototype, "toString", { value() { throw new Error("polluted"); } });
Object.defineProperty(Error.prototype, "name", { get() { throw new Error("polluted"); } });
Object.defineProperty(Error.prototype, "message", { get() { throw new Error("polluted"); } });
throw new Error();
