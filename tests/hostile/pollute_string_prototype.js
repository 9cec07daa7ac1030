// expect: completed | kept
// then: "a,b".length => 3
const trap = () => { throw new Error("polluted"); };
for (const key of Reflect.ownKeys(String.prototype)) if (typeof String.prototype[key] === "function" && key !== "constructor") String.prototype[key] = trap;
console.log("text", { a: "b" }, new Map([["a", "b"]]), new Error("x"));
console.group("g"); console.log("in\nside"); console.groupEnd(); console.table([{ a: 1 }]); console.dir({ a: 1 }); console.count(); console.time(); console.timeEnd(); console.assert(false, "x");
"kept";
