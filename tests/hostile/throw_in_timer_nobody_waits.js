// expect: completed | 1
setTimeout(() => { throw new Error("in timer"); }, 60_000);
1;
