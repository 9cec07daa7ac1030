// expect: failed | is not allowed: external modules are off
await import("data:text/javascript,export default Object.keys(globalThis.Deno ?? {}).length");
