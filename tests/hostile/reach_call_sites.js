// expect: completed | undefined
// Call sites of strict functions hide their function and their receiver; no frame is the runtime's.
Error.prepareStackTrace = (_, sites) => sites;
const sites = new Error().stack;
const inner = [];
[1].forEach(() => console.log({ toJSON() { inner.push(...new Error().stack); return 1; } }));
setTimeout(() => inner.push(...new Error().stack), 0);
await new Promise((resolve) => setTimeout(resolve, 5));
const reached = [...sites, ...inner].map((site) => site.getFileName?.()).filter((name) => name?.startsWith("ext:"));
reached[0];
