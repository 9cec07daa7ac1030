// expect: failed | Uncaught {
throw { toString() { throw this; }, get message() { throw this; }, get stack() { throw this; }, get name() { throw this; }, [Symbol.toPrimitive]() { throw this; } };
