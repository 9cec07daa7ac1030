// expect: failed | Out of memory
const all = [];
function* g() { const big = new Array(10).fill(0); yield big; }
for (;;) { const it = g(); it.next(); all.push(it); }
