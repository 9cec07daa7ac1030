// expect: completed | {"o":{"o":
let o = {};
for (let i = 0; i < 5e4; i++) o = { o };
JSON.stringify(o);
