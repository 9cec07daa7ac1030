// What the random programs of tests/it/fidelity/programs.rs have to play with.
const keys = [{}, {}, () => 1, new Map()];
const seen = [];
class First { constructor(x) { this.x = x; } get p() { return this.x; } }
const s = {
  map: new Map([["first", 1]]), set: new Set([0]), list: [1, "two", null], object: { a: 1 }, counters: [], closures: [],
  generators: [], iterators: [], bytes: new Uint8Array(64), floats: new Float64Array(16), classes: [First], instances: [],
  text: "text", slices: [], big: 7n, regexp: /[a-z]é(\d)/g, weak: new WeakMap(), keys, promises: [], settlers: [],
  dates: [new Date(0)], symbols: [Symbol("0"), Symbol.for("1"), Symbol.iterator], frozen: [], hot: 1, functions: [], settled: [],
};
s.view = new DataView(s.bytes.buffer, 16);
s.proxy = new Proxy({}, { get: (t, k) => k in t ? t[k] : `no ${String(k)}`, has: (t, k) => k !== "b" && k in t });
const counter = (start) => (by) => start += by;
function* walk(value, n) {
  for (let i = 0; ; i++) { try { const got = yield [i, value]; if (got !== undefined) value = i % 3 ? value : got; if (i > n + 4) return "end"; } finally { n++; } }
}
function* nest(inner, n) { for (let i = 0; i < n; i++) yield i; if (inner) yield* { [Symbol.iterator]: () => ({ next: (x) => inner.next(x) }) }; }
function mix(h, i, by) { h = Math.imul(h ^ i, 0x5bd1e995); return (h ^ (h >>> 13)) + (typeof by === "number" ? by : 0) | 0; }
async function waiting(name) { const value = await new Promise((settle) => s.settlers.push(settle)); s.settled.push([name, value]); return value; }
const note = (...values) => { seen.push(...values.map((value) => tell(value))); };
// A text for any value, of bounded depth; what was met before is told by its number.
function tell(value, depth = 0, known = new Map()) {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? value.slice(0, 40) + value.length : value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `f ${value.name} ${value.length}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (known.has(value)) return `#${known.get(value)}`;
  known.set(value, known.size);
  if (depth > 4) return "…";
  const each = (list) => [...list].slice(0, 70).map((it) => tell(it, depth + 1, known)).join();
  if (Array.isArray(value)) return `[${value.length}:${each(Object.entries(value).flat())}]`;
  if (value instanceof Map) return `M(${each([...value].flat())})`;
  if (value instanceof Set) return `S(${each(value)})`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Float64Array) return `D(${each(value)})`;
  if (ArrayBuffer.isView(value) || value instanceof WeakMap || value instanceof RegExp) return Object.prototype.toString.call(value);
  const own = Reflect.ownKeys(value).filter((key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable);
  return `{${own.map((key) => `${String(key)}:${tell(value[key], depth + 1, known)}`).join()}}`;
}
function digest() {
  const parts = { seen: seen.splice(0), map: s.map, set: s.set, list: s.list, object: s.object, counted: s.counters.map((c) => c(0)),
    bytes: s.bytes.reduce((h, byte) => mix(h, byte, 1), 7), floats: s.floats, p: s.instances.map((it) => it.p), slices: s.slices, text: s.text.match(/.{1,30}/gsu), big: s.big,
    weak: keys.map((key) => s.weak.get(key)), proxy: { ...s.proxy }, settled: s.settled, dates: s.dates, symbols: s.symbols,
    frozen: s.frozen, hot: s.hot, functions: s.functions.map((f) => f.name), classes: s.classes.map((c) => c.name) };
  return Object.entries(parts).map(([name, value]) => `${name}=${tell(value)}`).join(" ");
}
