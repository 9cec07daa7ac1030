// expect: failed | Error: then
await { get then() { throw new Error("then"); } };
