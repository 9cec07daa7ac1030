// expect: failed | Error: rejected result
Promise.reject(new Error("rejected result"));
