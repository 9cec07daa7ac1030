// expect: failed | Out of memory: V8 heap limit exceeded
const all = [];
for (let i = 0; ; i++) all.push(new Function("return " + i + "; //" + "x".repeat(10000)));
