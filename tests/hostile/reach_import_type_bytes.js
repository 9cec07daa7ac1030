// expect: failed
await import("file:///etc/passwd", { with: { type: "bytes" } });
