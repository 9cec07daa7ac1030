// expect: completed
// then: 1 + 1 => 2
try { Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw 1; }, has() { return true; } })); } catch {}
"ok";
