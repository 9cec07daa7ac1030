// expect: completed
const results = [];
for (const name of Object.getOwnPropertyNames(globalThis)) {
  const C = globalThis[name];
  if (typeof C !== "function") continue;
  for (const make of [() => new C(), () => C(), () => new C({}, {}, {}), () => Reflect.construct(C, [1, 2, 3], Object), () => Object.create(C.prototype).toString()]) {
    if (["reportError", "setInterval", "setTimeout", "queueMicrotask", "gc"].includes(name)) continue;
    try { make(); } catch { results.push(name); }
  }
}
results.length > 0;
