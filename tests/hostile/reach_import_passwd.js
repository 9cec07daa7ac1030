// expect: failed | Cannot import
await import("file:///etc/passwd");
