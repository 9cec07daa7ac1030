// expect: failed | TypeError
await import("ext:core/mod.js");
