// expect: timed_out
// flags: --execution-timeout 1
new Proxy({}, { ownKeys() { for (;;); }, getPrototypeOf() { for (;;); }, get() { for (;;); } });
Object.create({}, { constructor: { get() { for (;;); } } });
({ [Symbol.for("Deno.customInspect")]() { for (;;); }, toJSON() { for (;;); } });
