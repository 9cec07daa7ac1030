// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [];
for (let i = 0; i < 1e5; i++) all.push(new Intl.NumberFormat("de-u-nu-latn", { style: "currency", currency: "EUR" }));
