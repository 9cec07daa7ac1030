// expect: completed | 7
const promise = Promise.resolve(7);
promise.then = () => { throw new Error("then"); };
promise.catch = () => { throw new Error("catch"); };
promise.constructor = null;
promise;
