// expect: completed | ok
// then: console.log("again") => mine
const original = console.log;
console.log = () => "mine";
original("direct");
Object.freeze(console);
"ok";
