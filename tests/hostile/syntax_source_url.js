// expect: failed | Error: where
//# sourceURL=ext:core/01_core.js
//# sourceMappingURL=file:///etc/passwd
throw new Error("where");
