// expect: completed | survived
// flags: --execution-timeout 10 --heap-memory-max 64
// Clones and transfers of whatever there is, and what comes of it used once more.
addEventListener("unhandledrejection", (event) => event.preventDefault());
addEventListener("error", (event) => event.preventDefault());
const made = [];
const { port1, port2 } = new MessageChannel();
for (const name of Object.getOwnPropertyNames(globalThis)) {
  const value = globalThis[name];
  made.push(value);
  for (const args of [[], [8], [[1, 2]], ["a:b"], [{}], [() => {}], [value]]) {
    try { made.push(Reflect.construct(value, args)); } catch {}
  }
}
made.push(port1, new Proxy([], {}), (function () { return arguments; })(1), Object.create(port2), new WebAssembly.Memory({ initial: 1 }).buffer, new Uint8Array(8).subarray(2), 1n, Symbol("s"));
let cloned = 0;
for (const value of made) {
  for (const transfer of [[], [value], [value, value], [value?.buffer], [port1, port1], value]) {
    for (const send of [structuredClone, (value, options) => port2.postMessage(value, options), (value, options) => port2.postMessage({ value }, options?.transfer)]) {
      try {
        send(value, { transfer });
        cloned++;
        String(value?.byteLength ?? value?.size);
      } catch {}
    }
  }
}
port1.onmessage = port1.onmessageerror = () => {};
port2.close();
port1.close();
cloned > 100 ? "survived" : cloned;
