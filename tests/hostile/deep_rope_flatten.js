// expect: completed | n14000000
// flags: --stateless --heap-memory-max 256
// A rope that leans to one side, a million deep.
let rope = "";
for (let i = 0; i < 1e6; i++) rope = "abcdefghijklmn" + rope;
rope.at(-1) + rope.length;
