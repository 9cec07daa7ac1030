// expect: completed | []
// flags: --heap-memory-max 64
// Symbols only name what the runtime asks of objects; see reach_forged_host_objects.js.
// From every object to all that it knows: values, accessors, prototypes, what iterators and accessors give.
// Some accessors give promises that they reject at once.
addEventListener("unhandledrejection", (event) => event.preventDefault());
const found = new Set();
const seen = new Set();
const queue = [globalThis, console, new Error("x"), async () => {}, function* () {}, async function* () {}, [][Symbol.iterator](), new Map().entries(), "".matchAll(/x/g), new Intl.Segmenter().segment("a"), Promise.resolve(), new Proxy({}, {})];
for (let object; (object = queue.pop()); ) {
  if (seen.has(object)) continue;
  seen.add(object);
  queue.push(Object.getPrototypeOf(object) ?? Object.prototype);
  for (const key of Reflect.ownKeys(object)) {
    if (/^op_|_op_|deno(?!\.(customInspect|privateCustomInspect|core\.hostObject)\b)|stasis|bootstrap|primordials|^core$|^internals?$|^ops$|binding/i.test(String(key.description ?? key))) found.add(String(key));
    try {
      const { value, get, set } = Object.getOwnPropertyDescriptor(object, key);
      for (const next of [value, get, set, get && object[key]]) {
        if (Object(next) === next) queue.push(next);
      }
    } catch {}
  }
}
if (seen.size < 1000) found.add(`only ${seen.size} objects`);
[...found];
