// expect: failed | TypeError: Cyclic __proto__ value
const a = {}, b = Object.create(a);
a.__proto__ = b;
