// expect: completed | 120
// flags: --stateless
let rope = "x";
for (let i = 0; i < 28; i++) rope += rope;
rope.charCodeAt(5) + /y/.test(rope);
