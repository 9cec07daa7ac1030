// expect: completed
// then: 1 + 1 => 2
Object.prototype.toJSON = () => { throw new Error("polluted"); };
String.prototype.toJSON = Number.prototype.toJSON = () => "polluted";
console.log({ a: 1 });
({ a: 1 });
