// expect: failed | Out of memory
const keys = [], map = new WeakMap();
for (;;) { const key = {}; keys.push(key); map.set(key, [key]); }
