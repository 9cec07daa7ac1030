// expect: failed/timed_out
// flags: --execution-timeout 3
const all = [];
for (let i = 0; i < 1e5; i++) all.push(new Intl.NumberFormat("de-u-nu-latn", { style: "currency", currency: "EUR" }));
