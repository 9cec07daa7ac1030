// expect: completed | /x/g
// then: "y" + 1 => y1
const trap = () => { throw new Error("polluted"); };
for (const key of Reflect.ownKeys(RegExp.prototype)) if (key !== "constructor") Object.defineProperty(RegExp.prototype, key, { get: trap });
console.log("abc");
"/x/g";
