// expect: completed
const results = [];
for (const o of [crypto, crypto.subtle, performance, console, new MessageChannel().port1, new AbortController().signal, globalThis]) {
  try { results.push(typeof structuredClone(o)); } catch (e) { results.push(e.name); }
}
results.join();
