// expect: completed | ok
// then: new Set([1]) instanceof Set => true
// then: await new Promise((r) => setTimeout(r, 1, "timer")) => timer
const trap = () => { throw new Error("polluted"); };
for (const C of [Map, Set, WeakMap, WeakSet, WeakRef, FinalizationRegistry]) {
  for (const key of Reflect.ownKeys(C.prototype)) if (!["constructor", "add"].includes(key)) Object.defineProperty(C.prototype, key, { get: trap, set: trap });
}
setTimeout(() => {}, 1);
console.log("x", [1], new Map(null));
"ok";
