// expect: failed | mine
globalThis.Error = globalThis.TypeError = null;
throw Object.assign(Object.create(Object.getPrototypeOf(new (class extends RangeError {})())), { message: "mine" });
