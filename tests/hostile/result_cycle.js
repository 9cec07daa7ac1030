// expect: completed | [Circular
const o = { name: "loop" };
o.o = o;
o;
