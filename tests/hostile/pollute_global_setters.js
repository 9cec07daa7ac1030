// expect: completed | 3
// then: x + 1 => 4
for (const key of ["x1", "__bootstrap", "bootstrap", "Deno", "__stasis", "result", "exports", "module"]) Object.defineProperty(globalThis, key, { set() { throw new Error("set " + key); }, get() { throw new Error("get " + key); } });
Object.defineProperty(Object.prototype, "__stasis__", { set() { throw new Error("set"); } });
var x = 3;
x;
