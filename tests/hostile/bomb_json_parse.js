// expect: failed | Out of memory: V8 heap limit exceeded
JSON.parse("[" + "[1,2,3],".repeat(1 << 20) + "0]").length;
