// expect: completed | �
console.log("\ud800", "a\udc00b");
"x\udfff\ud800";
