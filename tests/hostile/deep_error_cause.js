// expect: failed | Error: outer
let e = new Error("inner");
for (let i = 0; i < 1e4; i++) e = new Error("outer", { cause: e });
throw e;
