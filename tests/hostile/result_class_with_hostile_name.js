// expect: completed
const C = class {};
Object.defineProperty(C, "name", { get() { throw new Error("name"); } });
C;
