// expect: completed | ok
// then: 1 + 1 => 2
Object.preventExtensions(globalThis);
for (const key of Reflect.ownKeys(globalThis)) try { Object.freeze(globalThis[key]); Object.freeze(globalThis[key]?.prototype); } catch {}
console.log({ a: 1 });
"ok";
