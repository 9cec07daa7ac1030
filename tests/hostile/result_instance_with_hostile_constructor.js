// expect: completed
class C {}
Object.defineProperty(C.prototype, "constructor", { get() { throw new Error("constructor"); } });
new C();
