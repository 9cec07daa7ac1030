// expect: completed | true
// flags: --execution-timeout 3
// Every method and accessor of every class on receivers that are not its own. One of them gives the
// global object another prototype; some, which show streams, drop promises that they reject.
addEventListener("unhandledrejection", (event) => event.preventDefault());
let calls = 0;
for (const name of Object.getOwnPropertyNames(globalThis)) {
  const prototype = globalThis[name]?.prototype;
  if (!prototype || name === "Function") continue;
  for (const key of Reflect.ownKeys(prototype)) {
    const { value, get, set } = Object.getOwnPropertyDescriptor(prototype, key);
    for (const f of [value, get, set]) {
      if (typeof f !== "function" || key === "constructor" || name === "Promise") continue;
      for (const receiver of [{}, null, 5, Object.create(prototype), globalThis, crypto]) {
        calls++;
        try { Reflect.apply(f, receiver, [{}, 1, null])?.catch?.(() => {}); } catch {}
      }
    }
  }
}
calls > 1000;
