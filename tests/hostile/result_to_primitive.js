// expect: completed
({ [Symbol.toPrimitive]() { throw 1; }, toString: null, valueOf: null });
