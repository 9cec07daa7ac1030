// expect: completed | ok
// then: setTimeout(() => {}, 0); "ok" => ok
globalThis.Map = globalThis.Set = globalThis.WeakMap = globalThis.Array = globalThis.Object = globalThis.Symbol = globalThis.Reflect = globalThis.Proxy = undefined;
console.log({ a: [1] });
await new (async () => {}).constructor("return 1")();
"ok";
