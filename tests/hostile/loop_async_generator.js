// expect: timed_out
// flags: --execution-timeout 1
async function* numbers() { for (let i = 0; ; i++) yield i; }
for await (const number of numbers());
