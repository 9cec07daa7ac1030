// expect: completed | 3
// then: new TextEncoder().encode("abc").length => 3
const trap = () => { throw new Error("polluted"); };
const proto = Object.getPrototypeOf(Uint8Array.prototype);
for (const key of ["set", "subarray", "slice", "fill"]) proto[key] = trap;
Object.defineProperty(Uint8Array, Symbol.species, { get: trap });
new TextEncoder().encode("abc").length;
