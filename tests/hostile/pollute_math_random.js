// expect: completed | true
Object.defineProperty(Float64Array.prototype, 0, { get() { throw 1; } });
Uint32Array.prototype.__proto__ = null;
const numbers = Array.from({ length: 200 }, Math.random);
numbers.every((n) => n >= 0 && n < 1) && new Set(numbers).size === 200;
