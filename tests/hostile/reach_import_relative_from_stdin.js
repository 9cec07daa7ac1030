// expect: failed
await import("./support.js");
