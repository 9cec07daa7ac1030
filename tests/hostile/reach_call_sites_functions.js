// expect: completed | []
Error.prepareStackTrace = (_, sites) => sites.map((site) => [site.getFunction(), site.getThis()]);
const reached = [];
const look = () => reached.push(...new Error().stack);
console.log({ toJSON() { look(); return 1; }, get a() { look(); return 1; } });
new URL({ toString() { look(); return "https://x/"; } });
structuredClone({ get a() { look(); return 1; } });
new ReadableStream({ get start() { look(); } });
setTimeout(look, 0);
queueMicrotask(look);
await new Promise((resolve) => setTimeout(resolve, 5));
const known = [look, globalThis, undefined, null];
reached.flat().filter((x) => typeof x === "function" && /deno|core\.|op_/.test(Function.prototype.toString.call(x))).map((f) => f.name);
