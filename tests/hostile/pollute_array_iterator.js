// expect: completed | [1,2]
// then: new Map().size => 0
const trap = () => { throw new Error("polluted"); };
Object.getPrototypeOf([][Symbol.iterator]()).next = trap;
Array.prototype[Symbol.iterator] = trap;
console.log("x", 1, { a: [1] });
console.warn(new Set(), new Error("e").message);
[1, 2];
