// expect: completed
// The result's own text is made of something that is too deep for JSON.
let o = {};
for (let i = 0; i < 5e4; i++) o = { o };
o;
