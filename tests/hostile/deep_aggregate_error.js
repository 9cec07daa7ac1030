// expect: failed | AggregateError: outer
let e = new Error("inner");
for (let i = 0; i < 1e4; i++) e = new AggregateError([e, e], "outer");
throw e;
