// expect: failed/completed
await import("data:text/javascript,export default Object.keys(globalThis.Deno ?? {}).length");
