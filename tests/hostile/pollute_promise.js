// expect: completed | 3
// then: await 4 => 4
// then: (async () => 5)() => 5
const trap = () => { throw new Error("polluted"); };
Promise.prototype.then = trap;
Promise.prototype.catch = trap;
Promise.prototype.finally = trap;
Promise.resolve = Promise.reject = Promise.all = trap;
Object.defineProperty(Promise.prototype, "constructor", { get: trap });
Object.defineProperty(Promise, Symbol.species, { get: trap });
(async () => 3)();
