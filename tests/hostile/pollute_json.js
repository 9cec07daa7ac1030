// expect: completed | {"a":[1]}
// then: ({ b: 2 }) => {"b":2}
globalThis.JSON = { stringify: () => "polluted", parse: () => "polluted" };
console.log({ a: 1 });
({ a: [1] });
