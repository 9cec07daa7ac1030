// expect: completed | [31m
console.log("\x1b[2J\x1b]0;title\x07\r\n\u2028");
"\x1b[31m";
