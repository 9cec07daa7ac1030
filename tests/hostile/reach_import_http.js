// expect: failed | is not allowed
await import("http://127.0.0.1:1/x.js");
