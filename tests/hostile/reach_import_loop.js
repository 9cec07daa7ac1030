// expect: completed/failed/timed_out
// flags: --execution-timeout 3
const all = [];
for (let i = 0; i < 5000; i++) all.push(import(`file:///nowhere/${i}.js`).catch((e) => e.message));
(await Promise.all(all)).length;
