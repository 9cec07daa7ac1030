// expect: failed | Cannot import
(await import("file:///etc/passwd", { with: { type: "json" } })).default;
