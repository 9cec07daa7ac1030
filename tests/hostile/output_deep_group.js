// expect: completed
for (let i = 0; i < 5000; i++) console.group("g");
console.log("x\n".repeat(100));
