// expect: completed | {"a":1}
// then: (function f() { return 5 })() => 5
const trap = () => { throw new Error("polluted"); };
Function.prototype.call = trap;
Function.prototype.apply = trap;
Function.prototype.bind = trap;
Function.prototype.toString = trap;
Function.prototype[Symbol.hasInstance] === trap;
console.log({ a: 1 }, () => {}, class A {}, new Map([[1, 2]]));
({ a: 1 });
