// expect: completed | [1,{"a":2}]
// then: [1, 2, 3] => [1,2,3]
// then: console.log(1, [2], "three"); "x" => x
const trap = () => { throw new Error("polluted"); };
for (const key of Reflect.ownKeys(Array.prototype)) if (typeof Array.prototype[key] === "function" && key !== "constructor") Array.prototype[key] = trap;
Object.defineProperty(Array.prototype, 0, { set: trap, get: trap, configurable: true });
console.log("a", "b");
[1, { a: 2 }];
