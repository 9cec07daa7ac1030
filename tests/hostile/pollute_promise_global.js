// expect: completed | 3
// then: await 4 => 4
globalThis.Promise = function () { throw new Error("polluted"); };
await (async () => 3)();
