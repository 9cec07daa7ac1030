// expect: failed | Out of memory
"ab".repeat(1 << 22).split("");
