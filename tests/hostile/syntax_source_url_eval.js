// expect: failed | Error: inner
(0, eval)("throw new Error('inner')\n//# sourceURL=ext:deno_web/evil.js\n//# sourceMappingURL=data:application/json,{");
