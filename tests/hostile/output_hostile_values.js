// expect: completed | survived
const trap = () => { throw new Error("trap"); };
const handler = { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap };
console.log(new Proxy({}, handler), new Proxy([], handler), new Proxy(function () {}, handler));
console.log({ get a() { trap(); } }, { toJSON: trap }, { [Symbol.toStringTag]: 5, get [Symbol.iterator]() { trap(); } });
console.log(Object.create(null), Object.create(new Proxy({}, {})), Symbol("s"), 10n, -0, [, 1, , 2]);
console.error({ [Symbol.for("Deno.customInspect")]: trap, [Symbol.for("Deno.privateCustomInspect")]: trap, [Symbol.for("nodejs.util.inspect.custom")]: trap });
class Throwing { get [Symbol.toStringTag]() { trap(); } constructor() { Object.defineProperty(this, "constructor", { get: trap }); } }
console.log(new Throwing(), new Map([[new Throwing(), new Set([handler])]]));
console.log(Object.defineProperty(new Error("e"), "stack", { get: trap }));
console.log("%s %d %o %j %c", "a");
"survived";
