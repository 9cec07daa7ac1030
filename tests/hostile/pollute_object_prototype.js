// expect: completed | {"fine":[1,2]}
// then: ({ still: [1, { two: 2 }] }) => {"still":[1,{"two":2}]}
// then: await new Promise((r) => setTimeout(r, 1, "timer")) => timer
const trap = { __proto__: null, get() { throw new Error("polluted get"); }, set() { throw new Error("polluted set"); }, configurable: true };
for (const key of ["get", "set", "value", "writable", "configurable", "enumerable", "then", "length", "level", "code", "message", "stack", "quotes", "colors", "depth"]) {
  Object.defineProperty(Object.prototype, key, trap);
}
console.log("logged", { a: 1 });
({ __proto__: null, fine: [1, 2] });
