// expect: failed | TypeError: Cannot import ; may not import the file
await import("file:///etc/passwd");
