// expect: failed | Out of memory: V8 heap limit exceeded
"x".padEnd(2 ** 29 - 30, "yz").split("");
