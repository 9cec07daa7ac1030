// expect: completed | ok
// then: typeof setTimeout => undefined
// then: await (async () => 5)() => 5
for (const key of Reflect.ownKeys(globalThis)) delete globalThis[key];
"ok";
