// expect: failed | Out of memory: V8 heap limit exceeded
const all = [];
for (;;) { const table = new WebAssembly.Table({ element: "anyfunc", initial: 10 }); table.grow(9_000_000); all.push(table); }
