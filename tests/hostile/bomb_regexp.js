// expect: failed | Out of memory: V8 heap limit exceeded
const all = [];
for (let i = 0; ; i++) { const r = new RegExp(`(a${i}|b{${i}}c*)+`); r.test("abc"); all.push(r); }
