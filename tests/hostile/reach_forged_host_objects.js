// expect: failed | The script crashed its worker process.
// The symbol by which the runtime knows its own objects when it clones them, on objects that are not its own. deno_core
// calls whatever it finds for them, which it does not survive where that is nothing (`read_host_object`).
const hostObject = Object.getOwnPropertySymbols(Blob.prototype).find((symbol) => /hostObject/.test(symbol.description));
const types = ["Blob", "File", "FileList", "DOMException", "CryptoKey", "ReadableStream", "WritableStream", "TransformStream", "MessagePort", "DOMPoint", "DOMMatrix", "ImageBitmap", "X509Certificate", "BlockList", "SocketAddress", "KeyObject", "constructor", "__proto__", "toString", "hasOwnProperty", "", 0, -1, 2 ** 32, undefined, null];
const fields = [{}, { parts: ["x"], size: 2 ** 53, mimeType: "a" }, { parts: [{ id: "00000000-0000-0000-0000-000000000000", size: 8 }] }, { parts: [null] }, { name: {}, message: Symbol("s") }, { handle: 1, data: 1, id: 1, rid: 0, resourceId: 0 }];
const { port1, port2 } = new MessageChannel();
const reached = [];
for (const type of types) {
  for (const more of fields) {
    const object = (brand) => ({ [hostObject]: brand });
    for (const forged of [object(type), object(() => ({ type, ...more })), object(() => type), object(function () { this[hostObject] = type; return this; })]) {
      for (const send of [() => structuredClone(forged), () => structuredClone(forged, { transfer: [forged] }), () => structuredClone([port1, forged], { transfer: [forged] }), () => port2.postMessage(forged), () => port2.postMessage({ forged }, [forged])]) {
        try {
          const clone = send();
          const inside = await clone?.text?.() ?? "";
          if (inside !== "" || typeof clone === "function" || clone === globalThis) reached.push(`${String(type)} ${inside}`);
        } catch {}
      }
    }
  }
}
port1.close();
reached;
