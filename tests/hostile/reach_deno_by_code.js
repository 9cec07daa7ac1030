// expect: completed | []
// Code that is made in every way there is, asked for names that the runtime uses inside.
const names = ["Deno", "Deno.core", "Deno.core.ops", "Deno[Deno.internal]", "core", "ops", "op_print", "op_send", "op_read", "__bootstrap", "__bootstrap.core", "primordials", "internals", "bootstrap", "exports", "__dirname", "Deno.stdin"];
const { constructor: AsyncFunction } = async () => {};
const { constructor: GeneratorFunction } = function* () {};
const ways = [
  (name) => eval(name),
  (name) => (0, eval)(name),
  (name) => Function(`return ${name}`)(),
  (name) => Reflect.construct(Function, [`return ${name}`], Array)(),
  (name) => AsyncFunction(`return ${name}`)(),
  (name) => GeneratorFunction(`return ${name}`)().next().value,
  (name) => console.log.constructor(`return ${name}`)(),
  (name) => Object.getOwnPropertyDescriptor(Map.prototype, "size").get.constructor(`return this.${name}`)(),
  (name) => structuredClone.constructor(`with (globalThis) return ${name}`).call(console),
  (name) => new Promise((done, fail) => setTimeout.constructor("done", "fail", `try { done(${name}) } catch (e) { fail(e) }`)(done, fail)),
  (name) => import(`data:text/javascript,export default ${name}`).then((module) => module.default),
  (name) => import("blob:" + name),
  (name) => JSON.parse(`{"__proto__": {"a": 1}}`)[name],
];
const reached = [];
for (const [n, way] of ways.entries()) {
  for (const name of names) {
    try {
      if ((await way(name)) !== undefined) reached.push(`${n} ${name}`);
    } catch {}
  }
}
reached;
