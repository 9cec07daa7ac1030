// expect: completed | ok
// then: typeof setTimeout => undefined
// then: await (async () => 5)() => 5
const all = globalThis;
for (const key of Reflect.ownKeys(all)) delete all[key];
"ok";
