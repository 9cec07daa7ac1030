// expect: completed | fired
// then: await new Promise((r) => setTimeout(r, 1, "again")) => again
const trap = () => { throw new Error("polluted"); };
const wait = new Promise((resolve) => setTimeout(resolve, 5, "fired"));
for (const key of ["push", "shift", "splice", "forEach", "map", "slice", "indexOf", "pop"]) Array.prototype[key] = trap;
Object.defineProperty(Object.prototype, "then", { get: trap, configurable: true });
Object.defineProperty(Array.prototype, 0, { get: trap, set: trap, configurable: true });
await wait;
